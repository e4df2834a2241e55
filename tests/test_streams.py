import torch

from dropgrid import streams
from dropgrid.data.batches import Order
from dropgrid.masks import sparse
from dropgrid.masks.grid import Grid
from dropgrid.masks.positions import positions_of


def test_a_key_depends_on_every_part_and_on_nothing_else():
    keys = [
        streams.key(*parts)
        for parts in [(0, "init"), (1, "init"), (0, "order"), (0, "init", "a"), (0, "init", "b"), (0, "init", "a", 1)]
    ]
    assert len(set(keys)) == len(keys)
    torch.rand(3)
    assert streams.key(0, "init", "a", 1) == keys[-1]


def test_parts_do_not_run_together():
    assert streams.key(0, "s", 1, 23) != streams.key(0, "s", 12, 3)


def test_keys_fit_a_generator_and_spread_over_63_bits():
    keys = [streams.key(0, "x", i) for i in range(1000)]
    assert all(0 <= key < 2**63 for key in keys)
    assert sum(key >> 62 for key in keys) > 400  # the top bit is set half the time


def test_generators_repeat():
    first, again = (torch.rand(5, generator=streams.generator(3, "augment", 7, 0)) for _ in range(2))
    assert torch.equal(first, again)


def test_the_numbers_are_those_that_results_were_made_with():
    """If this fails, raise FORMAT in dropgrid.store.identity: equal configs no longer mean equal training."""
    assert streams.key(0, "init", "a", 1) == 4195430007772975975
    assert Order(100, 0).permutation()[:5].tolist() == [31, 4, 30, 37, 96]
    key = torch.tensor(streams.key(0, "regularizer", 0, 0, "a"))
    gaps, dropped = sparse.draw_mask(torch.ones(2, 3, 8, 8), 0.02, key, Grid.over(8, 8, 3))
    assert positions_of(gaps).tolist() == [84, 168, 176, 186, 210] and dropped == 43
