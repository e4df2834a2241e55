"""Dropping on a CPU: γ is small, so that walking the seeds costs less than a mask of every cell.

Three functions, as in each implementation of dropping: `draw_mask` returns a representation of the mask, and the
number of its zeros; `scale_of` the factor of the cells kept; `apply` input · mask · scale. Here a mask is represented
by the positions of its seeds, two bytes each.
"""

import numpy as np
import torch
from torch import Tensor

from dropgrid.masks.grid import FAR, Grid
from dropgrid.masks.positions import bernoulli_gaps, native, positions_of


def draw_mask(input: Tensor, seed_rate: float | Tensor, key: Tensor, grid: Grid) -> tuple[Tensor, int]:
    """Return the gaps between seeds, (n,) int16, and the number of cells that their blocks cover."""
    count, channels, height, width = input.shape
    generator = torch.Generator().manual_seed(int(key))
    gaps = bernoulli_gaps(count * channels * grid.rows * grid.columns, float(seed_rate), generator)
    return gaps, covered(gaps, (height, width), grid)


def covered(gaps: Tensor, size: tuple[int, int], grid: Grid) -> int:
    """Return the number of cells that the blocks of the seeds cover, each counted once."""
    compiled = native()
    if grid.block == 1:
        return int((gaps != FAR).sum())
    if compiled:
        return int(compiled.covered(gaps.numpy(), *size, *grid[:4]))
    positions = positions_of(gaps)
    planes = int(positions[-1]) // (grid.rows * grid.columns) + 1 if len(positions) else 0
    cells = torch.zeros(planes * size[0] * size[1], dtype=torch.bool)
    stride = (size[0] * size[1], size[0] * size[1], size[1], 1)
    return int(cells.index_fill_(0, offsets(positions, (1, *size), stride, grid), True).count_nonzero())


def scale_of(cells: int, dropped: int) -> float:
    """Return cells / cells kept, rounded to float32; if nothing is kept the output is 0, not NaN."""
    return float(np.float32(cells) / np.float32(max(1, cells - dropped)))


def apply(input: Tensor, gaps: Tensor, grid: Grid, scale: float | Tensor) -> Tensor:
    """Return input · scale, and 0 in the blocks of the seeds; input's memory format is kept."""
    compiled = native()
    count, channels, height, width = input.shape
    last = not input.is_contiguous() and input.is_contiguous(memory_format=torch.channels_last)
    dense = input if last else input.contiguous()
    if not dense.numel():
        return torch.empty_like(dense)
    if compiled and input.dtype in (torch.float32, torch.float64, torch.bfloat16):
        out = torch.empty_like(dense)
        cells = [storage(each.detach()) for each in (dense, out)]
        if input.dtype == torch.bfloat16:
            cells = [each.view(torch.uint16) for each in cells]
        arrays = [each.numpy() for each in (*cells, gaps)]
        compiled.drop(*arrays, count, channels, height, width, last, *grid[:4], float(scale))
        return out
    out = dense * scale
    storage(out).index_fill_(0, offsets(positions_of(gaps), (channels, height, width), out.stride(), grid), 0)
    return out


def offsets(positions: Tensor, size: tuple[int, int, int], stride: tuple[int, ...], grid: Grid) -> Tensor:
    """Return the memory offsets of the cells of the blocks seeded at the positions; cells of several blocks repeat."""
    channels, height, width = size
    column, above = positions % grid.columns, positions // grid.columns
    row, plane = above % grid.rows, above // grid.rows
    image, channel = plane // channels, plane % channels
    first = image * stride[0] + channel * stride[1]
    within = torch.arange(grid.block) - grid.before
    # of a block over the border, what lies outside is drawn to the nearest cell, which is its own
    rows = (row[:, None] + within).clamp_(0, height - 1)
    columns = (column[:, None] + within).clamp_(0, width - 1)
    window = (rows * stride[2])[:, :, None] + (columns * stride[3])[:, None, :]
    return (first[:, None, None] + window).view(-1)


def storage(dense: Tensor) -> Tensor:
    """Return a dense tensor's cells in memory order, as one flat view."""
    return dense.as_strided((dense.numel(),), (1,), dense.storage_offset())
