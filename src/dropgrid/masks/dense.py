"""Dropping by a mask of every cell, in plain torch: any device, and masks that channels share.

`draw_mask`, `scale_of` and `apply` as in `dropgrid.masks.sparse`; here a mask is represented by its cells.
"""

import torch
from torch import Tensor, nn

from dropgrid.masks.grid import Grid
from dropgrid.masks.uniform import count_zeros, uniform


def draw_mask(input: Tensor, seed_rate: float | Tensor, key: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return the 0-1 mask, (N, C, H, W) or (N, 1, H, W) if channels share it, and the number of its zeros.

    A cell is 0 where a max-pooling window around it holds a seed.
    """
    count, channels, height, width = input.shape
    shape = (count, 1 if grid.shared else channels, grid.rows, grid.columns)
    seeds = (uniform(key, shape) < seed_rate).to(input.dtype)
    after = grid.block - 1 - grid.before
    pads = (after, grid.before + width - grid.columns, after, grid.before + height - grid.rows)
    mask = 1 - nn.functional.max_pool2d(nn.functional.pad(seeds, pads), grid.block, stride=1)
    if not grid.shared and input.is_contiguous(memory_format=torch.channels_last):
        mask = mask.contiguous(memory_format=torch.channels_last)
    return mask, count_zeros(mask)


def scale_of(cells: int, dropped: Tensor) -> Tensor:
    """Return cells / cells kept, 0-dim float32 so that half precision rounds once; 0 kept counts as 1."""
    return cells / (cells - dropped).clamp(min=1).to(torch.float32)


def apply(input: Tensor, mask: Tensor, grid: Grid, scale: float | Tensor) -> Tensor:
    """Return input · mask · scale, in input's dtype and memory format."""
    return (input * mask * scale).to(input.dtype)
