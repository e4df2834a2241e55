from types import SimpleNamespace

import pytest
import torch
from torchvision.transforms import TrivialAugmentWide

from dropgrid.augments import trivialaugment as module
from dropgrid.augments.operations import NAMES
from dropgrid.augments.trivialaugment import trivialaugment

CONTEXT = SimpleNamespace(mean=torch.full((1, 1, 1), 0.4), std=torch.full((1, 1, 1), 0.25))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_operation_uniform_of_a_strength_uniform(monkeypatch):
    count, seen = 60_000, []

    def watch(images, *, generator, context, choose):
        seen.extend(choose(count, 32, 32, generator))
        return images

    monkeypatch.setattr(module, "apply_on_bytes", watch)
    trivialaugment(torch.zeros(1, 3, 32, 32), torch.zeros(1), generator=generator(3))
    (only,) = seen
    assert len(only) == count
    for name in NAMES:
        strengths = torch.tensor([operation.strength for operation in only if operation.name == name])
        assert abs(len(strengths) - count / 14) < 5 * (count / 14) ** 0.5
        values, signed = TrivialAugmentWide()._augmentation_space(31)[name]
        expected = values.float().flatten()
        found, times = strengths.abs().unique(return_counts=True)
        assert torch.equal(found, expected.unique())
        shares = torch.stack([(expected == each).float().mean() for each in found])
        mean = len(strengths) * shares
        assert ((times - mean).abs() < 5 * mean**0.5).all()
        if signed:
            minus = (strengths[strengths != 0] < 0).float().mean()
            assert minus == pytest.approx(0.5, abs=5 * 0.5 / len(strengths) ** 0.5)
        else:
            assert (strengths >= 0).all()


def test_a_function_of_the_generator_alone():
    images, targets = torch.randn(32, 1, 16, 16, generator=generator(1)), torch.arange(32)
    one, again, other = (trivialaugment(images, targets, generator=generator(s), context=CONTEXT) for s in (1, 1, 2))
    assert torch.equal(one[0], again[0]) and not torch.equal(one[0], other[0]) and one[1] is targets


def test_images_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        trivialaugment(torch.zeros(1, 2, 8, 8), torch.zeros(1), generator=generator())
