"""DropBlock on lines and in volumes: the law by counting, whole blocks, both implementations, gradients, errors."""

import itertools

import numpy as np
import pytest
import torch
from independence import KEYS, check_independent
from torch import nn
from torch.nn.functional import max_pool1d, max_pool3d

import dropgrid
from dropgrid.masks.positions import gaps_of, positions_of
from dropgrid.regularizers.dropblock import cover_counts, expected_fraction, seed_rate
from dropgrid.regularizers.dropblock_nd import drop_block_nd, drop_densely

SHAPES = [((4, 6, 40), 5), ((4, 6, 11), 4), ((2, 6, 9, 8, 7), 3), ((2, 6, 6, 7, 9), 4)]
SEEDS = ("fits", "anywhere")


def drop(shape, block, key, seeds="fits", rate=0.2):
    return drop_block_nd(torch.ones(shape), torch.tensor(rate), torch.tensor(key * 7919), block, "paper", seeds)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("sizes", "block"), [((7,), 3), ((5, 4, 6), 3), ((4, 5, 4), 2)])
def test_cover_counts_by_counting(sizes, block, seeds):
    found = np.zeros(sizes, int)
    before = 0 if seeds == "fits" else (block - 1) // 2
    starts = [range(size - block + 1) if seeds == "fits" else range(-before, size - before) for size in sizes]
    for start in itertools.product(*starts):
        found[tuple(slice(max(0, at), at + block) for at in start)] += 1
    assert (cover_counts(sizes, block, seeds) == found).all()


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("shape", "block"), SHAPES)
@pytest.mark.parametrize("dense", [False, True])
def test_what_is_dropped_is_the_exact_expectation(shape, block, seeds, dense):
    times, sizes, found = 400, shape[2:], []
    rate = seed_rate(0.2, sizes, block, "paper", seeds)
    for key in range(times):
        if dense:
            _, dropped, cells = drop_densely(torch.ones(shape), rate, torch.tensor(key * 7919), block, seeds)
        else:
            _, dropped, cells = drop(shape, block, key, seeds)
        found.append(float(dropped) / cells)
    expected = float(expected_fraction(np.array(rate), sizes, block, seeds))
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / times**0.5)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("shape", "block"), SHAPES)
def test_zeros_are_whole_blocks_are_counted_and_the_mean_is_kept(shape, block, seeds):
    output, dropped, cells = drop(shape, block, 3, seeds)
    zeros = (output == 0).float()
    assert dropped == int(zeros.sum()) > 0 and cells == output.numel()
    assert output.mean() == pytest.approx(1, abs=1e-5)
    if seeds == "fits":  # each zero lies in a block of zeros: what an opening by a block leaves as it is
        pool = max_pool1d if len(shape) == 3 else max_pool3d
        starts = -pool(-zeros, block, stride=1)
        pads = [block - 1] * (2 * (len(shape) - 2))
        assert torch.equal(pool(nn.functional.pad(starts, pads), block, stride=1), zeros)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 3, 30), (2, 3, 8, 8, 8)])
def test_the_gradient_is_the_mask_and_its_scale(shape, dtype):
    given = torch.randn(shape, dtype=dtype).requires_grad_()
    public = dropgrid.drop_block1d if len(shape) == 3 else dropgrid.drop_block3d
    output = public(given, 0.3, 3, key=5)
    assert output.dtype == dtype and output.shape == shape
    output.sum().backward()
    mask = public(torch.ones(shape, dtype=dtype), 0.3, 3, key=5)
    assert torch.equal(given.grad, mask)
    assert torch.allclose(output, given * mask, rtol=0.02 if dtype == torch.bfloat16 else 1e-6)
    assert torch.equal(public(given, 0.3, 3, training=False), given)


def test_neighbouring_keys_give_independent_masks():
    volume = torch.ones(1, 1, 64, 4, 4)
    masks = [(dropgrid.drop_block3d(volume, 0.3, 1, key=key) == 0).view(64, 16).numpy() for key in range(KEYS)]
    check_independent(np.stack(masks))


def test_one_cell_is_dropout_and_a_block_larger_than_the_volume_is_clamped():
    output = dropgrid.drop_block3d(torch.ones(8, 8, 6, 6, 6), 0.25, 1, key=1)
    assert float((output == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    whole = dropgrid.drop_block3d(torch.ones(200, 1, 3, 3, 3), 0.5, 9, key=1)
    assert {*(whole == 0).flatten(1).float().mean(1).tolist()} == {0.0, 1.0}


@pytest.mark.parametrize(("axes", "shape"), [(1, (2, 3, 4, 4)), (3, (2, 3, 4, 4)), (3, (3, 4, 4))])
def test_other_numbers_of_dimensions_are_refused(axes, shape):
    public = {1: dropgrid.drop_block1d, 3: dropgrid.drop_block3d}[axes]
    with pytest.raises(ValueError, match=r"input must be \(N, C, .*got shape"):
        public(torch.ones(shape), 0.1, 3)
    with pytest.raises(ValueError, match="block_size"):
        public(torch.ones(shape), 0.1, 0)


def test_a_compiled_module_drops_by_the_same_law():
    torch._dynamo.reset()
    module = dropgrid.DropBlock3d(0.2, 3)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    module.advance(0.2, 7)
    output = compiled(torch.ones(16, 8, 8, 8, 8))
    expected = float(module.expected((8, 8, 8, 8), np.array([0.2]))[0])
    assert float((output == 0).float().mean()) == pytest.approx(expected, abs=0.03)
    assert output.mean() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Sequential(nn.Conv1d(3, 8, 3, padding=1), dropgrid.DropBlock1d(0.2, 5)), (8, 3, 50)),
        (nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), dropgrid.DropBlock3d(0.2, 3)), (4, 3, 8, 8, 8)),
    ],
    ids=["1d", "3d"],
)
def test_the_audit_knows_it(net, shape):
    found = dropgrid.audit(net, [torch.randn(shape)] * 8)
    assert not found.graded("error") and not found.graded("warning"), str(found)
    (layer,) = found.layers
    assert layer.expected == pytest.approx(float(net[1].expected((8, *shape[2:]), np.array([0.2]))[0]))


def test_positions_are_gaps_and_back():
    positions = torch.tensor([0, 1, 32766, 32767, 65534, 200_000, 200_001])
    assert torch.equal(positions_of(gaps_of(positions)), positions)
    assert len(gaps_of(positions[:0])) == 0
