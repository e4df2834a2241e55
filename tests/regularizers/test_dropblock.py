import functools

import numpy as np
import pytest
import torch
import torchvision
from independence import KEYS, check_independent
from torch import nn

from dropgrid.masks import positions, sparse
from dropgrid.masks.uniform import mixed_key
from dropgrid.regularizers.dropblock import (
    DropBlock2d,
    cover_counts,
    drop_block,
    drop_block2d,
    dropblock,
    expected_fraction,
    seed_rate,
)
from dropgrid.sites import Site

DEFAULTS = {
    "keep_prob": 0.9,
    "block_size": 3,
    "groups": [-2, -1],
    "part": "encoder",
    "skip": True,
    "schedule": "linear",
    "per_channel": True,
    "gamma": "paper",
    "seeds": "fits",
    "per_group_rate": True,
    "inference": False,
}


def slow_reference(height, width, block, drop_prob, draws, rng):
    """Masks of one channel, cell by cell, as the paper's Algorithm 1 says; no code shared with ours."""
    gamma = drop_prob / block**2 * height * width / ((height - block + 1) * (width - block + 1))
    masks = np.ones((draws, height, width))
    for mask in masks:
        for top in range(height - block + 1):
            for left in range(width - block + 1):
                if rng.random() < gamma:
                    for i in range(block):
                        for j in range(block):
                            mask[top + i, left + j] = 0
    return masks


def our_masks(shape, block, drop_prob, key=0, **kwargs):
    return (drop_block2d(torch.ones(shape), drop_prob, block, key=torch.tensor(key), **kwargs) > 0).float()


@pytest.mark.parametrize(("height", "width", "block"), [(6, 6, 3), (5, 8, 2), (7, 7, 7), (8, 5, 4), (4, 4, 1)])
def test_same_law_as_a_slow_reference(height, width, block):
    draws = 3000
    reference = slow_reference(height, width, block, 0.3, draws, np.random.default_rng(0))
    ours = our_masks((draws, 1, height, width), block, 0.3)[:, 0].numpy()
    # cell by cell, and neighbours together: the position map and the shape of what is dropped
    for statistic in (
        lambda m: m.mean(0),
        lambda m: (m[:, :-1] * m[:, 1:]).mean(0) if height > 1 else m.mean(0),
        lambda m: (m[:, :, :-1] * m[:, :, 1:]).mean(0),
    ):
        error = (0.25 / draws * 2) ** 0.5
        assert np.abs(statistic(ours) - statistic(reference)).max() < 5 * error
    # how a mask's share varies from mask to mask, whose standard error is that of a mean of squares
    squares = [(m.mean((1, 2)) - m.mean()) ** 2 for m in (ours, reference)]
    error = sum(each.var() / draws for each in squares) ** 0.5
    assert abs(squares[0].mean() - squares[1].mean()) < 5 * error


# map, block: expected fractions at a nominal 10 % that the project's reference tables give for the paper's law
TABLE = [(14, 7, 0.093), (7, 7, 0.100), (8, 7, 0.096), (8, 5, 0.094), (4, 3, 0.096)]


@pytest.mark.parametrize(("size", "block", "published"), TABLE)
def test_realised_fraction_is_the_expected_one(size, block, published):
    expected = float(expected_fraction(np.array(seed_rate(0.1, (size, size), block)), (size, size), block))
    assert expected == pytest.approx(published, abs=5e-4)
    drop = DropBlock2d(0.1, block)
    repeats = 10
    for _ in range(repeats):
        drop(torch.ones(64, 32, size, size))
    realised = float(drop.dropped / drop.seen)
    error = float(drop.variance((32, size, size), np.array([0.1]))[0] / (64 * repeats)) ** 0.5
    assert abs(realised - expected) < 5 * error


# the same of timm (1.0.23: paper's γ, seeded anywhere) and of miguelvr/dropblock (p / b², seeded anywhere)
OTHERS = [
    ("paper", 14, 7, 0.209),
    ("paper", 7, 7, 0.930),
    ("paper", 8, 7, 0.619),
    ("paper", 8, 5, 0.250),
    ("paper", 4, 3, 0.245),
    ("area", 14, 7, 0.074),
    ("area", 7, 7, 0.055),
    ("area", 8, 7, 0.060),
    ("area", 8, 5, 0.070),
    ("area", 4, 3, 0.067),
]


@pytest.mark.parametrize(("gamma", "size", "block", "known"), OTHERS)
def test_seeds_anywhere_drop_what_those_who_draw_them_so_drop(gamma, size, block, known):
    rate = seed_rate(0.1, (size, size), block, gamma)
    expected = float(expected_fraction(np.array(rate), (size, size), block, "anywhere"))
    assert expected == pytest.approx(known, abs=6e-4)
    drop = DropBlock2d(0.1, block, gamma=gamma, seeds="anywhere")
    for _ in range(10):
        drop(torch.ones(64, 32, size, size))
    error = float(drop.variance((32, size, size), np.array([0.1]))[0] / 640) ** 0.5
    assert abs(float(drop.dropped / drop.seen) - expected) < 5 * error


@pytest.mark.parametrize(("height", "width", "block"), [(6, 6, 3), (5, 8, 2), (7, 7, 7), (8, 5, 4)])
def test_blocks_seeded_anywhere_are_centred_and_cut_off_at_the_border(height, width, block):
    """Cell by cell against a slow reference: max-pooled seeds, trimmed where the block is even."""
    draws, rate = 3000, 0.02
    rng = np.random.default_rng(0)
    reference = np.ones((draws, height, width))
    for mask, seeded in zip(reference, rng.random((draws, height, width)) < rate, strict=True):
        for row, column in np.argwhere(seeded):
            top, left = row - (block - 1) // 2, column - (block - 1) // 2
            mask[max(top, 0) : top + block, max(left, 0) : left + block] = 0
    drop_prob = rate * block**2
    ours = our_masks((draws, 1, height, width), block, drop_prob, gamma="area", seeds="anywhere")[:, 0].numpy()
    error = (0.25 / draws * 2) ** 0.5
    assert np.abs(ours.mean(0) - reference.mean(0)).max() < 5 * error
    counts = cover_counts((height, width), block, "anywhere")
    assert np.abs((1 - rate) ** counts - reference.mean(0)).max() < 5 * error
    pairs = [np.abs((m[:, :, :-1] * m[:, :, 1:]).mean(0)) for m in (ours, reference)]
    assert np.abs(pairs[0] - pairs[1]).max() < 5 * error


@pytest.mark.parametrize(("size", "block"), [(14, 7), (8, 5), (7, 7)])
def test_the_papers_law_is_torchvisions(size, block):
    draws = 4000
    torch.manual_seed(0)
    x = torch.ones(draws, 1, size, size)
    theirs = (torchvision.ops.drop_block2d(x, 0.1, block) > 0).double().mean(0)
    ours = our_masks((draws, 1, size, size), block, 0.1).double().mean(0)
    assert (theirs - ours).abs().max() < 5 * (0.25 / draws * 2) ** 0.5


def test_papers_gamma_gives_21_percent_at_a_nominal_25():
    rate = np.array(seed_rate(0.25, (14, 14), 7))
    assert float(expected_fraction(rate, (14, 14), 7)) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(("height", "width", "block"), [(14, 14, 7), (7, 9, 4), (8, 8, 5)])
@pytest.mark.parametrize("drop_prob", [0.05, 0.25, 0.6])
def test_exact_gamma_drops_what_it_says(height, width, block, drop_prob):
    rate = np.array(seed_rate(drop_prob, (height, width), block, "exact"))
    assert float(expected_fraction(rate, (height, width), block)) == pytest.approx(drop_prob, abs=1e-9)


def test_position_map_at_14_and_7():
    """A corner lies in one block, the centre in 49: dropped 0.6 % and 26.5 % of the time at keep_prob .9."""
    counts = cover_counts((14, 14), 7)
    rate = seed_rate(0.1, (14, 14), 7)
    assert counts[0, 0] == 1 and counts[6, 6] == 49
    assert 1 - (1 - rate) ** 1 == pytest.approx(0.006, abs=5e-4)
    assert 1 - (1 - rate) ** 49 == pytest.approx(0.265, abs=5e-4)


def test_cover_counts_by_counting():
    for height, width, block in [(5, 5, 3), (4, 7, 2), (6, 3, 3)]:
        slow = np.zeros((height, width), int)
        for top in range(height - block + 1):
            for left in range(width - block + 1):
                slow[top : top + block, left : left + block] += 1
        assert (cover_counts((height, width), block) == slow).all()


def test_block_1_is_dropouts_mask():
    mask = our_masks((100, 10, 9, 9), 1, 0.3)
    cells = mask.numel()
    assert abs(float((mask == 0).sum()) - 0.3 * cells) < 5 * (0.21 * cells) ** 0.5
    flat = mask.view(1000, 81)
    correlation = np.corrcoef(flat.numpy().T) - np.eye(81)
    assert np.abs(correlation).max() < 5.5 / 1000**0.5  # independent cells


def test_whole_map_is_spatial_dropouts_mask():
    mask = our_masks((200, 16, 7, 7), 7, 0.25)
    means = mask.mean((2, 3))
    assert set(means.unique().tolist()) == {0.0, 1.0}
    assert abs(float((means == 0).float().mean()) - 0.25) < 5 * (0.1875 / 3200) ** 0.5


def test_zeros_come_in_whole_blocks():
    mask = our_masks((50, 8, 10, 12), 4, 0.2)
    windows = nn.functional.max_pool2d(mask, 4, stride=1) == 0
    rebuilt = 1 - nn.functional.max_pool2d(nn.functional.pad(windows.float(), [3] * 4), 4, stride=1)
    assert torch.equal(mask, rebuilt) and (mask == 0).any()


def test_global_mean_is_kept():
    ratio = torch.stack([drop_block2d(torch.ones(8, 16, 9, 9), 0.3, 3).mean() for _ in range(5)])
    assert torch.allclose(ratio, torch.ones(5), atol=1e-5)
    maps = [torch.rand(8, 16, 9, 9) for _ in range(200)]
    change = torch.stack([drop_block2d(x, 0.3, 3).mean() - x.mean() for x in maps])
    assert abs(change.mean()) < 5 * change.std() / 200**0.5


def test_all_dropped_is_zero_and_not_nan():
    out = drop_block2d(torch.randn(1, 1, 4, 4), 1.0, 4)
    assert torch.equal(out, torch.zeros(1, 1, 4, 4))


def test_nothing_dropped_is_bit_for_bit_the_input():
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(drop_block2d(x, 0.0, 3), x)
    assert drop_block2d(x, 0.5, 3, training=False) is x


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_neither_overflows_nor_loses_the_mean(dtype):
    x = torch.ones(64, 32, 8, 8, dtype=dtype)  # 131,072 cells: torchvision's float16 sum overflows past 65,504
    out = drop_block2d(x, 0.1, 3)
    assert out.dtype == dtype and torch.isfinite(out).all()
    assert float(out.float().mean()) == pytest.approx(1.0, abs=2e-2 if dtype is torch.bfloat16 else 2e-3)


def test_same_mask_whatever_the_memory_format_which_is_kept():
    x = torch.randn(4, 6, 9, 11)
    last = x.contiguous(memory_format=torch.channels_last)
    key = torch.tensor(5)
    plain, nhwc = drop_block2d(x, 0.3, 4, key=key), drop_block2d(last, 0.3, 4, key=key)
    assert torch.equal(plain, nhwc)
    assert nhwc.is_contiguous(memory_format=torch.channels_last) and plain.is_contiguous()


def test_shared_mask_is_shared_and_per_channel_is_not():
    x = torch.ones(16, 8, 8, 8)
    shared = drop_block2d(x, 0.3, 3, per_channel=False)
    assert all(torch.equal(shared[:, 0], shared[:, c]) for c in range(8))
    own = drop_block2d(x, 0.3, 3)
    assert not torch.equal(own[:, 0], own[:, 1])


def test_gradient_is_the_mask_times_the_scale():
    x = torch.randn(4, 4, 8, 8, requires_grad=True)
    key = torch.tensor(9)
    drop_block2d(x, 0.3, 3, key=key).sum().backward()
    assert torch.allclose(x.grad, drop_block2d(torch.ones_like(x), 0.3, 3, key=key))


@pytest.mark.parametrize("first", [0, 1_000_000, -32])
@pytest.mark.parametrize("block", [1, 3])
@pytest.mark.parametrize("way", ["numba", "torch", "dense"])
def test_neighbouring_keys_give_independent_masks(way, block, first, monkeypatch):
    if way == "torch":
        for module in (positions, sparse):
            monkeypatch.setattr(module, "native", lambda: None)
    about = {"per_channel": way != "dense"}
    masks = [our_masks((256, 1, 8, 8), block, 0.3, first + k, **about).view(256, 64).numpy() for k in range(KEYS)]
    check_independent(masks)


@pytest.mark.parametrize("per_channel", [True, False])
def test_keys_that_differ_in_high_bits_alone_give_independent_masks(per_channel):
    """A torch generator on a CPU reads only the lower half of its seed."""
    keys = [k << 32 for k in range(KEYS)]
    check_independent([our_masks((256, 1, 8, 8), 1, 0.3, k, per_channel=per_channel).view(256, 64) for k in keys])


def test_a_key_is_a_number_or_a_tensor_and_hashed_once():
    x = torch.ones(4, 3, 8, 8)
    for key in (0, 7, -1, 2**63 - 1):
        hashed = torch.tensor(mixed_key(key))
        expected = drop_block(x, torch.tensor(0.3), hashed, 3, True, "paper", "fits")[0]
        assert torch.equal(drop_block2d(x, 0.3, 3, key=key), expected)
        assert torch.equal(drop_block2d(x, 0.3, 3, key=torch.tensor(key)), expected)
        drop = DropBlock2d(0.3, 3)
        drop.advance(0.3, key)
        assert torch.equal(drop(x), expected)
    assert torch.equal(drop_block2d(x, 0.3, 3, key=torch.tensor(7, dtype=torch.int32)), drop_block2d(x, 0.3, 3, key=7))


@pytest.mark.parametrize("block_size", [0, -1, 2.5, "3", True, None])
def test_block_size_must_be_a_whole_number(block_size):
    with pytest.raises(ValueError, match="block_size must be a whole number of cells, 1 or more"):
        DropBlock2d(0.1, block_size)


def test_a_block_larger_than_the_map_is_clamped_and_says_so():
    drop = DropBlock2d(0.5, 9)
    assert drop.clamped((4, 7, 7)) and drop.clamped((4, 10, 7)) and not drop.clamped((4, 9, 9))
    zero = (drop(torch.ones(64, 4, 7, 7)) == 0).float().mean((2, 3))
    assert set(zero.unique().tolist()) == {0.0, 1.0}
    drop(torch.ones(2, 2, 6, 9))  # clamped by the shorter side


def site(group, place="conv", groups=4):
    return Site(f"layer{group}.0.{place}", place, group, groups, group, groups)


def test_per_group_rate_gives_the_last_group_the_full_one():
    rates = {g: dropblock(site(g), **{**DEFAULTS, "groups": None}).full_level for g in (1, 2, 3, 4)}
    assert rates == pytest.approx({4: 0.1, 3: 0.025, 2: 0.00625, 1: 0.0015625})
    three = dropblock(site(3, groups=3), **DEFAULTS).full_level
    assert three == pytest.approx(0.1)
    assert dropblock(site(3), **{**DEFAULTS, "per_group_rate": False}).full_level == pytest.approx(0.1)


def test_where_it_acts():
    acts = functools.partial(lambda s, **more: not isinstance(dropblock(s, **{**DEFAULTS, **more}), nn.Identity))
    assert acts(site(3)) and acts(site(4)) and not acts(site(2)) and not acts(site(1))
    assert acts(site(4, "skip")) and not acts(site(4, "skip"), skip=False)
    assert not acts(site(4, "branch")) and not acts(Site("head", "head"))
    assert acts(site(1), groups=[1])


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_one_graph_while_rate_and_key_change(backend):
    """Captured whole, and never again over 1,000 rates and keys; compiled and eager are the same to the bit."""
    drop = DropBlock2d(0.3, 3, schedule="linear")
    drop.advance(0.1, 1)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(drop, backend=backend, fullgraph=True)
    x = torch.randn(2, 3, 6, 6, requires_grad=True)
    for step in range(1000):
        drop.advance(0.3 * step / 999, step)
        output = compiled(x)
        assert torch.equal(output, drop_block2d(x, drop.drop_prob, 3, key=step))
        if step % 100 == 0:
            (gradient,) = torch.autograd.grad(output.sum(), x)
            assert torch.equal(gradient, drop_block2d(torch.ones_like(x), drop.drop_prob, 3, key=step))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["recompile_limit"] and not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("gamma", ["exact", "area"])
def test_compiled_follows_every_gamma(gamma):
    drop = DropBlock2d(0.3, 3, gamma=gamma)
    drop.advance(0.2, 9)
    torch._dynamo.reset()
    x = torch.randn(4, 3, 8, 8)
    assert torch.equal(torch.compile(drop, backend="eager", fullgraph=True)(x), drop(x))
