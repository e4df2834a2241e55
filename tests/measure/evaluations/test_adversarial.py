"""Accuracy under attack."""

import pytest
import torch
from torch.nn import functional as F

from dropgrid import streams
from dropgrid.augments.adversarial import attack
from dropgrid.measure.evaluations.adversarial import adversarial, predict_attacked, random_starts
from dropgrid.sites import with_inference
from dropgrid.tasks.classification import accuracy


def by_hand(cell, epsilon, steps=None, seed=0):
    """Accuracy on all test images attacked at once: FGSM, or PGD."""
    learner, test = cell.learner(cell.network, cell.seed).eval(), cell.splits.test
    images = learner.normalize(test.images)
    begin = None
    if steps is not None:
        begin = torch.stack(
            [
                2 * torch.rand(images.shape[1:], generator=streams.generator(seed, "adversarial", place)) - 1
                for place in range(len(test))
            ]
        )
    found = attack(
        learner.network,
        F.cross_entropy,
        images,
        test.labels,
        mean=learner.mean,
        std=learner.std,
        epsilon=epsilon,
        steps=steps or 1,
        step_size=2.5 * epsilon / steps if steps else epsilon,
        start=begin,
    )
    assert ((found - images) * learner.std).abs().max() <= epsilon + 1e-6
    return accuracy(learner.network(found).detach(), test.labels)


@pytest.mark.parametrize("batch", [7, 60])
def test_it_is_the_accuracy_on_attacked_images_whatever_the_batches(make_cell, batch):
    cell = make_cell(f"data.eval_batch_size={batch}")
    found = adversarial(cell, epsilons=[0.02, 0.1], steps=3, seed=5)
    assert list(found) == ["fgsm_0.02", "pgd_0.02", "fgsm_0.1", "pgd_0.1"]
    for epsilon in (0.02, 0.1):
        assert found[f"fgsm_{epsilon}"].value == pytest.approx(by_hand(cell, epsilon), abs=0.02)  # 1 image of rounding
        assert found[f"pgd_{epsilon}"].value == pytest.approx(by_hand(cell, epsilon, 3, 5), abs=0.02)


def test_it_hurts_and_more_of_it_hurts_more(make_cell):
    cell = make_cell()
    with torch.no_grad():  # what the network says of the images is called right: it starts at 100 %
        said = cell.predict(cell.splits.test)[0].argmax(1)
    cell.splits.test.pool_labels[cell.splits.test.rows] = said
    found = adversarial(cell, epsilons=[0.01, 0.1], steps=5, seed=0)
    assert 1 > found["fgsm_0.01"].value >= found["fgsm_0.1"].value
    assert found["pgd_0.1"].value <= found["pgd_0.01"].value and found["pgd_0.1"].value < 0.2


def test_starts_depend_on_place_and_seed_alone():
    shape = (5, 3, 4, 4)
    whole = random_starts(shape, 0, 1)
    assert whole.shape == shape and whole.min() >= -1 and whole.max() <= 1 and whole.min() < -0.9 < 0.9 < whole.max()
    assert torch.equal(random_starts((2, 3, 4, 4), 3, 1), whole[3:]) and not torch.equal(
        random_starts(shape, 0, 2), whole
    )


def test_a_cell_that_drops_at_inference_is_attacked_with_its_masks(make_cell):
    cell = make_cell("regularizer=dropblock", "regularizer.keep_prob=0.6", "regularizer.inference=true")
    one, again = (adversarial(cell, epsilons=[0.05], steps=2, seed=0) for _ in range(2))
    assert one == again
    learner = cell.learner(cell.network, cell.seed)
    logits, _ = predict_attacked(cell, learner, 1e-9, 1, None)  # moved by nothing
    assert torch.allclose(logits, cell.predict(cell.splits.test)[0], atol=1e-3)
    still = with_inference(cell.network, False)
    assert not torch.allclose(
        logits, predict_attacked(cell, cell.learner(still, cell.seed), 1e-9, 1, None)[0], atol=0.1
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilons": 0.1}, "epsilons takes a list"),
        ({"epsilons": [0]}, "epsilons lists numbers above 0 and at most 1, got 0"),
        ({"epsilons": [8]}, "epsilons lists numbers above 0 and at most 1, got 8"),
        ({"steps": 0}, "steps must be a whole number, 1 or more, got 0"),
    ],
)
def test_what_it_cannot_mean_is_refused(make_cell, wrong, message):
    with pytest.raises(ValueError, match=message):
        adversarial(make_cell(), **{"epsilons": [0.1], "steps": 2, "seed": 0, **wrong})
