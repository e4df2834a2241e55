"""Repeated masks: the chances of those that independent draws give, and masks that repeat by design."""

import pytest
import torch

from dropgrid.audits.repeats import CELLS, Repeats, same_drops, thin
from dropgrid.audits.tails import ALARM


def repeats(masks):
    found = Repeats()
    for mask in masks:
        found.add(mask)
    return found


def test_a_thin_mask_has_every_entry_of_the_first_two_dimensions():
    mask = torch.arange(4)[:, None, None, None] + torch.arange(6)[:, None, None].expand(4, 6, 90, 90)
    part = thin(mask)
    assert part.shape[:2] == (4, 6) and CELLS // 2 <= part.numel() <= CELLS and part.float().std(2).max() == 0
    assert thin(mask[0, 0]).shape == (90, 90) and thin(torch.zeros(300, 200, 4, 4)).shape == (300, 200, 1)


@pytest.mark.parametrize("unit", [(8, 3, 1, 1), (8, 1, 1, 1), (8, 3, 4, 4)])
@pytest.mark.parametrize("p", [0.02, 0.5])
def test_independent_entries_repeat_in_any_call(unit, p):
    """However often masks are the same: those of few channels are so in many calls."""
    draw = torch.Generator().manual_seed(0)
    for _ in range(100):
        found = repeats((torch.rand(unit, generator=draw) < p).expand(8, 3, 4, 4) for _ in range(12))
        assert found.chance_within(0) > 1e-4


def test_entries_that_repeat_in_each_call():
    halves = [torch.rand(4, 3, 4, 4) < 0.3 for _ in range(12)]
    found = repeats(torch.cat([half, half]) for half in halves)
    assert found.chance_within(0) < ALARM < 1e-3 < found.chance_within(1) and found.returned == 0


def test_the_chance_that_a_mask_comes_back_is_the_counted_one():
    draws = [torch.rand(2, 3, generator=torch.Generator().manual_seed(seed)) < 0.1 for seed in range(2000)]
    counted = sum(torch.equal(one, other) for one, other in zip(draws[::2], draws[1::2], strict=True)) / 1000
    assert repeats(draws).chance_of_same(0) == pytest.approx(counted, abs=0.05)


def test_calls_that_come_back_after_another():
    one, other, none = (torch.arange(4).view(2, 2) < size for size in (1, 2, 0))
    assert repeats([one, one, one, other]).returned == 0 and repeats([one, other, one, other]).returned == 2
    assert repeats([one, none, one, none]).returned == 1


def test_masks_are_compared_where_both_tell():
    gone, told = torch.tensor([True, False, False]), torch.tensor([True, True, False])
    assert same_drops((gone, told), (torch.tensor([True, False, True]), told)) is True
    assert same_drops((gone, told), (~gone & told, told)) is False
    assert (
        same_drops((gone & ~told, told), (gone & ~told, told)) is None
        and same_drops((gone, told), (gone[:2],) * 2) is None
    )
