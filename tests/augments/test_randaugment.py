from types import SimpleNamespace

import pytest
import torch
from torchvision.transforms import RandAugment

from dropgrid.augments import randaugment as module
from dropgrid.augments.operations import NAMES
from dropgrid.augments.randaugment import randaugment

CONTEXT = SimpleNamespace(mean=torch.full((3, 1, 1), 0.4), std=torch.full((3, 1, 1), 0.25))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def chosen(monkeypatch, count, **arguments):
    """What it would do to so many images of 32×32."""
    seen = []

    def watch(images, *, generator, context, choose):
        seen.extend(choose(count, 32, 32, generator))
        return images

    monkeypatch.setattr(module, "apply_on_bytes", watch)
    randaugment(torch.zeros(count, 3, 32, 32), torch.zeros(count), generator=generator(3), **arguments)
    return seen


@pytest.mark.parametrize(("operations", "magnitude"), [(1, 9), (3, 30), (2, 0)])
def test_operations_are_uniform_independent_and_of_one_magnitude(monkeypatch, operations, magnitude):
    count = 20_000
    rounds = chosen(monkeypatch, count, operations=operations, magnitude=magnitude)
    assert len(rounds) == operations and all(len(each) == count for each in rounds)
    space = RandAugment()._augmentation_space(31, (32, 32))
    for each in rounds:
        for name in NAMES:
            strengths = [operation.strength for operation in each if operation.name == name]
            assert abs(len(strengths) - count / 14) < 5 * (count / 14) ** 0.5
            values, signed = space[name]
            strength = float(values[magnitude] if values.ndim else values)
            assert {abs(one) for one in strengths} == {strength}
            minus = sum(one < 0 for one in strengths) / len(strengths)
            assert minus == pytest.approx(0.5 if signed and strength else 0, abs=5 * 0.5 / len(strengths) ** 0.5)
    if operations > 1:
        same = sum(a.name == b.name for a, b in zip(*rounds[:2], strict=True)) / count
        assert same == pytest.approx(1 / 14, abs=0.01)


def test_a_function_of_the_generator_alone():
    bytes_ = torch.randint(256, (32, 3, 16, 16), generator=generator(1), dtype=torch.uint8)
    images, targets = (bytes_ / 255 - CONTEXT.mean) / CONTEXT.std, torch.arange(32)
    one, again, other = (
        randaugment(images, targets, generator=generator(s), context=CONTEXT, operations=2, magnitude=15)
        for s in (1, 1, 2)
    )
    assert torch.equal(one[0], again[0]) and not torch.equal(one[0], other[0]) and one[1] is targets
    levels = (one[0] * CONTEXT.std + CONTEXT.mean) * 255
    assert (levels - levels.round()).abs().max() < 1e-3 and levels.min() > -0.1 and levels.max() < 255.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"operations": 0}, "augment.operations must be a whole number, 1 or more, got 0"),
        ({"operations": 1.5}, "augment.operations"),
        ({"magnitude": 31}, "augment.magnitude must be a whole number from 0 to 30, got 31"),
        ({"magnitude": True}, "augment.magnitude"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        arguments = {"operations": 2, "magnitude": 9, **wrong}
        randaugment(torch.zeros(1, 3, 8, 8), torch.zeros(1), generator=generator(), **arguments)


def test_images_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="1 or 3 channels, got 4"):
        randaugment(torch.zeros(1, 4, 8, 8), torch.zeros(1), generator=generator(), operations=2, magnitude=9)
