"""DropBlock on lines and in volumes, as in two dimensions (`dropgrid.regularizers.dropblock`): for use as a library."""

from typing import Any

import torch
from torch import Tensor, nn

from dropgrid.masks import dense, sparse
from dropgrid.masks.drop import Apply, on_host
from dropgrid.masks.grid import Grid
from dropgrid.masks.positions import bernoulli_gaps, gaps_of, positions_of
from dropgrid.masks.uniform import count_zeros, uniform
from dropgrid.regularizers.dropblock import AbstractDropBlock, check, checked_rate, hashed_key, places, rate_for

AXES = {1: "(N, C, L)", 3: "(N, C, D, H, W)"}


def drop_block_nd(
    input: Tensor, drop_prob: Tensor, key: Tensor, block_size: int, gamma: str, seeds: str
) -> tuple[Tensor, float | Tensor, int]:
    """Return the output of DropBlock on (N, C, L) or (N, C, D, H, W), the mask's zeros, and its size."""
    block = min(block_size, *input.shape[2:])
    rate = rate_for(input, drop_prob, block, gamma, seeds)
    how = drop_sparsely if on_host(input) else drop_densely
    return how(input, rate, key, block, seeds)


def drop_sparsely(
    input: Tensor, rate: float | Tensor, key: Tensor, block: int, seeds: str
) -> tuple[Tensor, float | Tensor, int]:
    """Drop on a CPU, by the kernels for maps: a seed in a volume is one in each of the maps that its block meets; on a
    line it is a block of one cell in each cell that its block meets.
    """
    count, channels, *sizes = input.shape
    first, *others = sizes
    planes, line = count * channels, Grid.over(first, first, block, seeds)
    size = (others[0], others[1]) if others else (1, 1)
    grid = Grid.over(*size, block, seeds) if others else Grid(1, 1, 1)
    generator, within = torch.Generator().manual_seed(int(key)), grid.rows * grid.columns
    drawn = positions_of(bernoulli_gaps(planes * line.rows * within, float(rate), generator))
    place, above = drawn % within, drawn // within
    layers = (above % line.rows)[:, None] - line.before + torch.arange(block)
    met = (above // line.rows * first)[:, None] + layers
    positions = (met * within + place[:, None])[(layers >= 0) & (layers < first)].unique()
    gaps, maps = gaps_of(positions), input.contiguous().view(planes, first, *size)
    dropped = sparse.covered(gaps, size, grid)
    scale = sparse.scale_of(input.numel(), dropped)
    return Apply.apply(maps, gaps, scale, grid).view_as(input), dropped, input.numel()


def drop_densely(
    input: Tensor, rate: float | Tensor, key: Tensor, block: int, seeds: str
) -> tuple[Tensor, float | Tensor, int]:
    """Drop by a mask of every cell, on any device and in compiled graphs."""
    count, channels, *sizes = input.shape
    before = Grid.over(sizes[0], sizes[0], block, seeds).before
    after = block - 1 - before
    shape = (count, channels, *[places(size, block, seeds) for size in sizes])
    seeded = (uniform(key, shape) < rate).to(input.dtype)
    pads = [pad for size, there in zip(sizes, shape[2:], strict=True) for pad in (before + size - there, after)][::-1]
    pool = nn.functional.max_pool3d if len(sizes) == 3 else nn.functional.max_pool1d
    mask = 1 - pool(nn.functional.pad(seeded, pads), block, stride=1)
    dropped, cells = count_zeros(mask), mask.numel()
    scale = dense.scale_of(cells, dropped)
    return (input * mask * scale).to(input.dtype), dropped, cells


def drop_block1d(input: Tensor, drop_prob: float | Tensor, block_size: int, **more: Any) -> Tensor:
    """Drop runs of a sequence (N, C, L) and rescale the rest; see `drop_block3d`."""
    return drop_block_public(input, drop_prob, block_size, 1, **more)


def drop_block3d(input: Tensor, drop_prob: float | Tensor, block_size: int, **more: Any) -> Tensor:
    """Drop cubes of a volume (N, C, D, H, W) and rescale the rest: input · mask · count(mask) / count_ones(mask).

    As `drop_block2d`: seeds at rate γ, one mask for each channel, blocks clamped to the shortest side, the mean over
    the tensor kept. On a CPU the cost is that of the seeds; elsewhere a mask of every cell is made.

    Args:
        input: any float dtype.
        drop_prob: 1 - keep_prob, in [0, 1]: a number, or a 0-dim tensor.
        block_size: side of a block in cells.
        gamma, seeds, training, key: as in `drop_block2d`.

    Raises:
        ValueError: an argument is out of its range, or the input has another number of dimensions.
    """
    return drop_block_public(input, drop_prob, block_size, 3, **more)


def drop_block_public(
    input: Tensor,
    drop_prob: float | Tensor,
    block_size: int,
    axes: int,
    *,
    gamma: str = "paper",
    seeds: str = "fits",
    training: bool = True,
    key: int | Tensor | None = None,
) -> Tensor:
    """Check the arguments of `drop_block1d` or `drop_block3d`, and drop."""
    check(block_size, gamma, seeds=seeds)
    check_axes(input, axes)
    rate = checked_rate(drop_prob)
    if not training:
        return input
    return drop_block_nd(input, rate.to(input.device), hashed_key(input, key), block_size, gamma, seeds)[0]


def check_axes(input: Tensor, axes: int) -> None:
    """Raise ValueError for an input of another number of dimensions."""
    if input.dim() != 2 + axes:
        raise ValueError(f"input must be {AXES[axes]}, got shape {tuple(input.shape)}")


class AbstractDropBlockNd(AbstractDropBlock):
    """A module that drops blocks of a given number of axes."""

    axes: int

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        check_axes(input, self.axes)
        return drop_block_nd(input, self.drop_prob, key, self.block_size, self.gamma, self.seeds)


class DropBlock1d(AbstractDropBlockNd):
    """A module that applies `drop_block1d`, with a scheduled rate and a count of dropped cells.

    Args:
        drop_prob, schedule, inference: as in `AbstractDrop`.
        block_size, gamma, seeds: as in `drop_block1d`.
    """

    axes = 1


class DropBlock3d(AbstractDropBlockNd):
    """A module that applies `drop_block3d`, with a scheduled rate and a count of dropped cells.

    Args:
        drop_prob, schedule, inference: as in `AbstractDrop`.
        block_size, gamma, seeds: as in `drop_block3d`.
    """

    axes = 3
