"""input · mask · scale, where the mask's zeros are blocks seeded at random: DropBlock, and with block 1 dropout."""

from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from dropgrid.masks import dense, sparse
from dropgrid.masks.grid import Grid

Number = float | Tensor


def on_host(input: Tensor) -> bool:
    """Predicate: seed rate and scale should be Python numbers, not tensors."""
    return input.device.type == "cpu" and not torch.compiler.is_compiling()


def implementation_for(input: Tensor, grid: Grid) -> ModuleType:
    """Return the implementation for an input; all follow one law, each with random numbers of its own device."""
    if grid.shared:
        return dense
    if input.device.type == "cpu":
        return sparse
    kernels = fused() if input.is_cuda else None
    return kernels if kernels and kernels.fits(input, grid) else dense


@cache
def fused() -> ModuleType | None:
    """Return the GPU's kernels; None if Triton is not installed."""
    try:
        from dropgrid.masks import fused
    except ImportError:
        return None
    return fused


class Apply(torch.autograd.Function):
    """The product input · mask · scale: linear, so its gradient is itself, however often it is differentiated."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, mask: Tensor, scale: Number, grid: Grid) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale, ctx.grid = scale, grid
        output: Tensor = implementation_for(input, grid).apply(input.detach(), mask, grid, scale)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return Apply.apply(gradients[0], *ctx.saved_tensors, ctx.scale, ctx.grid), None, None, None


@torch.library.custom_op("dropgrid::drop", mutates_args=())
def drop_op(
    input: Tensor, seed_rate: Tensor, key: Tensor, scale: Tensor | None, cells: int, grid: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """`drop` as one op for a compiler: return the output, the number of cells dropped, the scale."""
    rows, columns, block, before, shared = grid
    given = Grid(rows, columns, block, before, bool(shared))
    how = implementation_for(input, given)
    mask, dropped = how.draw_mask(input, seed_rate, key, given)
    used = how.scale_of(cells, dropped) if scale is None else scale.clone()
    output = how.apply(input, mask, given, used)
    where = input.device
    return output, torch.as_tensor(dropped, device=where), torch.as_tensor(used, dtype=torch.float32, device=where)


@drop_op.register_fake
def _(
    input: Tensor, seed_rate: Tensor, key: Tensor, scale: Tensor | None, cells: int, grid: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(input),
        seed_rate.new_empty((), dtype=torch.int64),
        seed_rate.new_empty((), dtype=torch.float32),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    _, seed_rate, key, _, cells, ctx.grid = inputs
    ctx.cells = cells
    ctx.save_for_backward(seed_rate, key, output[2])


def _backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
    seed_rate, key, scale = ctx.saved_tensors
    # the mask is drawn again from its key: nothing of its size is kept
    return drop_op(gradients[0], seed_rate, key, scale, ctx.cells, ctx.grid)[0], None, None, None, None, None


drop_op.register_autograd(_backward, setup_context=_keep)


def drop(
    input: Tensor, seed_rate: Number, key: Tensor, grid: Grid, scale: Number | None = None
) -> tuple[Tensor, Number, int]:
    """Drop the cells that randomly seeded blocks cover, and scale the cells kept.

    Args:
        input: (N, C, H, W), any float dtype; its memory format is kept.
        seed_rate: γ, the probability of a seed at each place of the grid.
        key: 0-dim int64, of which the mask is a function.
        grid: where seeds may be.
        scale: None is 1 / the share of cells kept.

    Returns:
        the output; the number of zeros of the mask; the number of its cells.

    Numbers are 0-dim tensors on input's device (nothing is read back to the host), or on a CPU plain ones: a compiled
    graph wants tensors, of which it does not depend on the value.

    Kept for backward on a CPU: the gaps between seeds, two bytes each; on a GPU a bit a cell; in a compiled graph
    nothing.
    """
    count, channels, height, width = input.shape
    cells = count * (1 if grid.shared else channels) * height * width
    if torch.compiler.is_compiling():
        assert isinstance(seed_rate, Tensor) and not isinstance(scale, float)
        output, dropped, _ = drop_op(input, seed_rate, key, scale, cells, list(grid))
        return output, dropped, cells
    how = implementation_for(input, grid)
    mask, dropped = how.draw_mask(input.detach(), seed_rate, key, grid)
    used = how.scale_of(cells, dropped) if scale is None else scale
    return Apply.apply(input, mask, used, grid), dropped, cells
