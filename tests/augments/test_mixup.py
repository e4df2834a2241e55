from types import SimpleNamespace

import pytest
import torch
from scipy.stats import beta, kstest

from dropgrid.augments.cutmix import cutmix
from dropgrid.augments.mixup import mixup

CONTEXT = SimpleNamespace(classes=5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(count=8):
    return torch.randn(count, 3, 6, 7, generator=generator(1)), torch.arange(count) % 5


def shares(images, mixed):
    """λ of each pixel of λ x + (1 - λ) x'."""
    other = images.roll(1, 0)
    return (mixed - other) / (images - other)


@pytest.mark.parametrize("seed", range(5))
def test_images_and_targets_are_one_convex_combination(seed):
    images, targets = batch()
    mixed, soft = mixup(images, targets, generator=generator(seed), context=CONTEXT, alpha=1.0)
    share = float(soft[0, 0])  # the first image is of class 0, the last one of class 2
    assert 0 <= share <= 1 and torch.allclose(soft.sum(1), torch.ones(8))
    assert torch.allclose(mixed, share * images + (1 - share) * images.roll(1, 0), atol=1e-6)
    one_hot = torch.eye(5)[targets]
    assert torch.allclose(soft, share * one_hot + (1 - share) * one_hot.roll(1, 0), atol=1e-6)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_the_share_is_of_the_beta_distribution(alpha):
    images, targets = torch.zeros(2, 1, 1, 1), torch.tensor([0, 1])
    found = [
        float(mixup(images, targets, generator=generator(seed), context=CONTEXT, alpha=alpha)[1][0, 0])
        for seed in range(1000)
    ]
    assert kstest(found, beta(alpha, alpha).cdf).pvalue > 1e-3


def test_soft_targets_that_something_before_made_are_mixed_on():
    images, targets = batch()
    pasted, soft = cutmix(images, targets, generator=generator(1), context=CONTEXT, alpha=1.0)
    mixed, softer = mixup(pasted, soft, generator=generator(2), context=CONTEXT, alpha=1.0)
    share = float(shares(pasted, mixed).median())
    assert torch.allclose(softer, share * soft + (1 - share) * soft.roll(1, 0), atol=1e-4)
    assert torch.allclose(softer.sum(1), torch.ones(8)) and (softer > 0).sum(1).max() > 2


def test_a_function_of_the_generator_alone():
    images, targets = batch()
    kept, state = images.clone(), torch.get_rng_state()
    one, again, other = (mixup(images, targets, generator=generator(s), context=CONTEXT, alpha=1.0) for s in (1, 1, 2))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1]) and not torch.equal(one[1], other[1])
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("alpha", [0, -1, True, "1", None])
def test_alpha_is_above_0(alpha):
    with pytest.raises(ValueError, match="augment.alpha must be a number above 0"):
        mixup(*batch(), generator=generator(), context=CONTEXT, alpha=alpha)


def test_it_has_to_know_the_classes():
    with pytest.raises(ValueError, match="how many classes"):
        mixup(*batch(), generator=generator(), alpha=1.0)
