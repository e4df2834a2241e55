import numpy as np
import pytest
import torch

from dropgrid.data.source import Spec
from dropgrid.tasks.classification import Classification, accuracy, calibration_error, nll


def test_accuracy_by_hand():
    logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    targets = torch.tensor([0, 0, 0])
    assert accuracy(logits, targets) == pytest.approx(1 / 3)
    assert accuracy(logits, targets, top=2) == pytest.approx(2 / 3)
    assert accuracy(logits, targets, top=5) == 1.0  # fewer classes than 5


def test_nll_of_a_uniform_guess():
    assert nll(torch.zeros(4, 10), torch.arange(4)) == pytest.approx(np.log(10))


def test_calibration_error_by_hand():
    # confidence 0.8 and right 6 times of 10: |0.6 - 0.8|
    logits = torch.tensor([[0.8, 0.2]] * 10).log()
    targets = torch.tensor([0] * 6 + [1] * 4)
    assert calibration_error(logits, targets) == pytest.approx(0.2, abs=1e-6)


def test_calibration_error_against_a_slow_reference():
    logits, targets = torch.randn(500, 7) * 2, torch.randint(7, (500,))
    confidence, predicted = logits.softmax(1).max(1)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = [i for i in range(500) if low <= float(confidence[i]) < low + 1 / 15]
        if inside:
            right = np.mean([float(predicted[i] == targets[i]) for i in inside])
            total += len(inside) / 500 * float(abs(right - np.mean([float(confidence[i]) for i in inside])))
    assert calibration_error(logits, targets) == pytest.approx(total, abs=1e-6)


TASK = Classification()
SPEC = Spec(tuple("abc"), 2, (5, 5), train=10, val=0, test=4)


def predictions(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return TASK.collect(
        (torch.randn(2, 3, generator=generator), torch.randint(3, (2,), generator=generator)) for _ in range(count)
    )


def test_running_sums_give_the_means_of_the_epoch():
    sums, batches = torch.zeros(TASK.sums(3), dtype=torch.float64), []
    for size in (4, 2):
        logits, targets = torch.randn(size, 3), torch.randint(3, (size,))
        loss, outputs = TASK.step(torch.nn.Identity(), torch.nn.CrossEntropyLoss(), logits, targets)
        assert outputs is logits
        TASK.accumulate(sums, loss, outputs, targets)
        batches.append((logits, targets))
    every = TASK.collect(batches)
    found = TASK.means(sums.tolist())
    assert found == pytest.approx({"loss": nll(*every), "acc": accuracy(*every)})
    assert TASK.means([0.0, 0.0, 0.0]) == {}


def test_mixed_targets_count_in_the_loss_and_the_labels_in_the_accuracy():
    logits, mixed = torch.eye(3), torch.full((3, 3), 1 / 3)
    loss, outputs = TASK.step(torch.nn.Identity(), torch.nn.CrossEntropyLoss(), logits, mixed)
    sums = torch.zeros(3, dtype=torch.float64)
    TASK.accumulate(sums, loss, outputs, torch.arange(3))
    assert TASK.means(sums.tolist()) == pytest.approx({"loss": float(loss), "acc": 1.0})


def test_metrics_are_of_the_split_and_the_weights_that_their_names_say():
    train, last, best = (predictions(20, seed) for seed in range(3))
    found = TASK.measure(train, last, best)
    assert found["test/acc_last"] == accuracy(*last) == TASK.headline_value(last)
    assert found["test/acc_best"] == accuracy(*best) and found["train/acc"] == accuracy(*train)
    assert (found["test/nll_last"], found["train/nll"]) == (nll(*last), nll(*train))
    assert found["gap"] == accuracy(*train) - accuracy(*last)
    assert len({accuracy(*each) for each in (train, last, best)}) == 3


def test_arrays_keep_all_and_take_the_bytes_that_are_expected():
    last, best = predictions(2, 0), predictions(2, 1)
    found = TASK.arrays(last, best)
    assert [*found] == ["last", "best", "targets"] and len(found["targets"]) == SPEC.test
    assert torch.equal(torch.from_numpy(found["best"]), best[0])
    assert sum(each.nbytes for each in found.values()) == TASK.prediction_bytes(SPEC)


def test_one_output_that_is_not_finite_is_divergence():
    logits, targets = predictions(2, 0)
    assert not TASK.diverged((logits, targets))
    logits[1, 2] = torch.inf
    assert TASK.diverged((logits, targets))
