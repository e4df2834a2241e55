"""What all ways of dropping have in common, and that the compiled loops are the plain ones."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.masks import dense, positions, sparse
from dropgrid.masks import drop as dropping
from dropgrid.masks.drop import drop, drop_op
from dropgrid.masks.grid import Grid
from dropgrid.regularizers.dropblock import cover_counts

GRIDS = [
    ((7, 7), 3, "fits"),
    ((6, 9), 4, "fits"),
    ((5, 5), 5, "fits"),
    ((8, 6), 1, "fits"),
    ((7, 70), 7, "fits"),
    ((5, 130), 4, "anywhere"),
    ((7, 7), 3, "anywhere"),
    ((6, 9), 4, "anywhere"),
    ((5, 8), 2, "anywhere"),
]


def plain_mask(positions, shape, grid):
    """Cell by cell, from where the seeds are."""
    count, channels, height, width = shape
    mask = np.ones(shape)
    places = np.argwhere(
        np.isin(np.arange(count * channels * grid.rows * grid.columns), positions).reshape(
            count, channels, grid.rows, grid.columns
        )
    )
    for image, channel, row, column in places:
        for y in range(row - grid.before, row - grid.before + grid.block):
            for x in range(column - grid.before, column - grid.before + grid.block):
                if 0 <= y < height and 0 <= x < width:
                    mask[image, channel, y, x] = 0
    return torch.from_numpy(mask)


@pytest.fixture(params=["native", "torch"])
def loops(request, monkeypatch):
    """With the compiled loops, and without Numba."""
    if request.param == "torch":
        for module in (positions, sparse):
            monkeypatch.setattr(module, "native", lambda: None)
    else:
        assert positions.native() is not None


@pytest.mark.parametrize(("size", "block", "seeds"), GRIDS)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_output_is_input_times_mask_times_scale(loops, size, block, seeds, last, dtype):
    grid = Grid.over(*size, block, seeds)  # type: ignore[call-arg]  # size is (height, width)
    x = torch.randn(3, 5, *size, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    rate, key = 0.05, torch.tensor(7)
    output, dropped, cells = drop(x, rate, key, grid)
    seeded, _ = sparse.draw_mask(x, rate, key, grid)
    mask = plain_mask(positions.positions_of(seeded).numpy(), x.shape, grid)
    assert (mask == 0).any()
    assert dropped == (mask == 0).sum() and cells == mask.numel()
    scale = float(np.float32(cells) / np.float32(cells - dropped))
    assert torch.equal(output, torch.where(mask == 0, 0, x * scale))
    assert output.dtype == dtype and output.stride() == x.stride()


def test_loops_agree_to_the_bit(monkeypatch):
    x = torch.randn(2, 300, 14, 14)  # of several slabs
    inputs = (x, x.bfloat16(), x.contiguous(memory_format=torch.channels_last))
    cases = list(product(inputs, (0.003, 0.4, 1.0), (1, 3, 7), ("fits", "anywhere")))
    results = []
    for seen in (positions.native(), None):
        for module in (positions, sparse):
            monkeypatch.setattr(module, "native", lambda seen=seen: seen)
        results.append([drop(y, rate, torch.tensor(3), Grid.over(14, 14, b, seeds))[0] for y, rate, b, seeds in cases])
    assert all(torch.equal(native, plain) for native, plain in zip(*results, strict=True))


def test_odd_values_of_bfloat16_are_scaled_as_torch_does():
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    x = bits.view(torch.bfloat16).view(1, 1, 256, 256)
    for scale in (1.0, 1.1, 3.0, 1e30):
        ours = sparse.apply(x, torch.empty(0, dtype=torch.int16), Grid.over(256, 256, 1), scale)
        theirs = x * scale
        assert torch.equal(ours.isnan(), theirs.isnan())
        assert torch.equal(ours.nan_to_num(0), theirs.nan_to_num(0))


def test_sliced_input_is_read_where_it_lies(loops):
    whole = torch.randn(6, 8, 7, 7)
    for x in (whole[1:4], whole[:, 2:5], whole.transpose(2, 3)):
        ours = drop(x, 0.1, torch.tensor(2), Grid.over(7, 7, 3))[0]
        assert torch.equal(ours, drop(x.clone(), 0.1, torch.tensor(2), Grid.over(7, 7, 3))[0])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("size", "block", "seeds"), GRIDS)
def test_dense_way_follows_the_same_law(size, block, seeds, shared):
    """Cells are dropped as often as blocks cover them, and its mask is whole blocks."""
    rate, draws = 0.04, 4000
    grid = Grid.over(*size, block, seeds, shared)  # type: ignore[call-arg]  # size is (height, width)
    mask, dropped = dense.draw_mask(torch.ones(draws, 2, *size), torch.tensor(rate), torch.tensor(1), grid)
    assert mask.shape == (draws, 1 if shared else 2, *size) and dropped == (mask == 0).sum()
    expected = (1 - rate) ** cover_counts(size, block, seeds)
    assert np.abs(mask[:, 0].double().mean(0).numpy() - expected).max() < 5 * (0.25 / draws) ** 0.5
    if seeds == "fits":
        windows = nn.functional.max_pool2d(mask, block, stride=1) == 0
        spread = nn.functional.pad(windows.float(), [block - 1] * 4)
        assert torch.equal(mask, 1 - nn.functional.max_pool2d(spread, block, stride=1))


def test_gradient_twice():
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)

    def function(x):
        return drop(x, 0.2, torch.tensor(4), Grid.over(6, 6, 3))[0]

    assert torch.autograd.gradcheck(function, x) and torch.autograd.gradgradcheck(function, x)


def test_gradient_in_another_memory_format():
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    output = drop(x, 0.05, torch.tensor(4), Grid.over(6, 6, 3))[0]
    output.backward(torch.ones_like(x).contiguous(memory_format=torch.channels_last))
    assert torch.equal(x.grad == 0, output == 0) and x.grad.unique().numel() == 2


def test_memory_kept_for_backward_is_under_a_hundredth_of_the_input():
    x = torch.randn(32, 256, 14, 14, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (kept.append(t), t)[1], lambda t: t):
        drop(x, 0.1 / 49 * 196 / 64, torch.tensor(4), Grid.over(14, 14, 7))
    assert 0 < sum(t.untyped_storage().nbytes() for t in kept) <= 0.01 * x.untyped_storage().nbytes()


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("scale", [None, torch.tensor(1.25)])
def test_op_is_a_proper_custom_op(shared, scale):
    rate, key = torch.tensor(0.05, dtype=torch.float64), torch.tensor(3)
    x = torch.randn(2, 3, 6, 6, requires_grad=True)
    arguments = (x, rate, key, scale, 72 if shared else 216, [4, 4, 3, 0, shared])
    # its last test, with dynamic shapes, reads .grad of a tensor that is no leaf, which warns
    tests = ["test_schema", "test_autograd_registration", "test_faketensor"]
    torch.library.opcheck(drop_op, arguments, test_utils=tests)


def test_compiled_is_eager_to_the_bit_forward_and_backward():
    torch._dynamo.reset()

    def run(function):
        x = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
        output = function(x, torch.tensor(0.02, dtype=torch.float64), torch.tensor(5))
        output.square().sum().backward()
        return output, x.grad

    def dropped(x, rate, key):
        return drop(x, rate, key, Grid.over(8, 8, 3))[0]

    eager, compiled = run(dropped), run(torch.compile(dropped, backend="aot_eager", fullgraph=True))
    assert all(torch.equal(a, b) for a, b in zip(eager, compiled, strict=True))


def test_without_triton_a_gpu_takes_the_dense_way(monkeypatch):
    class OnGpu:
        device, is_cuda = torch.device("cuda"), True

    monkeypatch.setattr(dropping, "fused", lambda: None)
    assert dropping.implementation_for(OnGpu(), Grid.over(7, 7, 3)) is dense


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 0, 8, 8)])
def test_an_empty_batch_passes_through(shape):
    from dropgrid.regularizers.dropblock import DropBlock2d

    images = torch.zeros(shape, requires_grad=True)
    output = DropBlock2d(0.3, 3)(images)
    output.sum().backward()
    assert output.shape == images.grad.shape == shape
