from types import SimpleNamespace

import pytest
import torch

from dropgrid.augments.cutmix import cutmix
from dropgrid.augments.mixup import mixup

CONTEXT = SimpleNamespace(classes=5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(count=8):
    return torch.randn(count, 3, 12, 10, generator=generator(1)), torch.arange(count) % 5


@pytest.mark.parametrize("seed", range(10))
def test_a_rectangle_of_the_neighbour_and_targets_by_area(seed):
    images, targets = batch()
    pasted, soft = cutmix(images, targets, generator=generator(seed), context=CONTEXT, alpha=1.0)
    taken = (pasted == images.roll(1, 0)).all(1)
    assert torch.equal(pasted, torch.where(taken[:, None], images.roll(1, 0), images))
    assert (taken == taken[0]).all()
    rows, columns = taken[0].any(1), taken[0].any(0)
    assert torch.equal(taken[0], rows[:, None] & columns)
    for line in (rows, columns):  # without gaps
        assert int((line[1:] != line[:-1]).sum()) <= 2 - int(line[0]) - int(line[-1]) or line.all()
    share = 1 - float(taken[0].double().mean())
    one_hot = torch.eye(5)[targets]
    assert torch.allclose(soft, share * one_hot + (1 - share) * one_hot.roll(1, 0), atol=1e-6)
    assert torch.allclose(soft.sum(1), torch.ones(8))


def test_areas_are_those_of_the_paper():
    """λ uniform, √(1 - λ) of each side about a uniform centre, cut off at the border: the mean area by simulation."""
    side, draws = 400, generator(9)
    rest, centre = torch.rand(200_000, generator=draws), torch.rand(2, 200_000, generator=draws)
    half = (1 - rest).sqrt() / 2
    lengths = (centre + half).clamp(max=1) - (centre - half).clamp(min=0)
    images, targets = torch.zeros(2, 1, side, side), torch.tensor([0, 1])
    found = torch.tensor(
        [
            float(cutmix(images, targets, generator=generator(seed), context=CONTEXT, alpha=1.0)[1][0, 1])
            for seed in range(800)
        ]
    )
    assert float(found.mean()) == pytest.approx(float(lengths.prod(0).mean()), abs=5 * 0.25 / 800**0.5)


def test_soft_targets_that_something_before_made_are_mixed_on():
    images, targets = batch()
    mixed, soft = mixup(images, targets, generator=generator(1), context=CONTEXT, alpha=1.0)
    pasted, softer = cutmix(mixed, soft, generator=generator(2), context=CONTEXT, alpha=1.0)
    share = 1 - float((pasted == mixed.roll(1, 0)).all(1)[0].double().mean())
    assert torch.allclose(softer, share * soft + (1 - share) * soft.roll(1, 0), atol=1e-6)
    assert torch.allclose(softer.sum(1), torch.ones(8))


@pytest.mark.parametrize("alpha", [0, -1, True, "1", None])
def test_alpha_is_above_0(alpha):
    with pytest.raises(ValueError, match="augment.alpha must be a number above 0"):
        cutmix(*batch(), generator=generator(), context=CONTEXT, alpha=alpha)


def test_it_has_to_know_the_classes():
    with pytest.raises(ValueError, match="how many classes"):
        cutmix(*batch(), generator=generator(), alpha=1.0)
