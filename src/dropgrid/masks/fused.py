"""Dropping on a GPU by two Triton kernels: a bit a cell is drawn and counted, then applied, forward and backward.

`draw_mask`, `scale_of` and `apply` as in `dropgrid.masks.sparse`; here a mask is represented by a word of bits for each
row of a map, 1 at the cells dropped. Seed rate, key, count and scale stay on the device: nothing waits for the GPU,
and a CUDA graph may be replayed with other values in the same tensors.

Random numbers are Philox's (Salmon et al., SC 2011), as `triton.language.randint4x` gives them: one for each place of a
seed, numbered in the order of (image, channel, row, column). They are not the CPU's.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from dropgrid.masks.grid import Grid

WIDEST = 62
"""Cells of a map's row that fit in a word."""

DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def fits(input: Tensor, grid: Grid) -> bool:
    """Predicate: the kernels can drop this input (a bit for each cell of a row, 32-bit cell numbers, up to float32)."""
    row = grid.columns + grid.block - 1
    return input.dtype in DTYPES and max(row, *input.shape[2:]) <= WIDEST and 0 < input.numel() < 2**31


@triton.jit
def _or(a, b):
    return a | b


@triton.jit
def _ones(x):
    """Return the number of bits that are 1 in a word below 2⁶³."""
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    x = x + (x >> 8)
    x = x + (x >> 16)
    return (x + (x >> 32)) & 0x7F


@triton.jit
def draw_kernel(
    bits, dropped, rate, key, planes, channels, last: tl.constexpr, height: tl.constexpr, width: tl.constexpr,
    rows: tl.constexpr, columns: tl.constexpr, block: tl.constexpr, before: tl.constexpr,
    PLANES: tl.constexpr, HEIGHT: tl.constexpr, ROWS: tl.constexpr, QUADS: tl.constexpr,
):  # fmt: skip
    """Write the words of PLANES maps; a tile is (map, row of seeds, four columns of seeds)."""
    plane = tl.program_id(0) * PLANES + tl.arange(0, PLANES)
    row = tl.arange(0, ROWS)
    column = 4 * tl.arange(0, QUADS)
    place = (plane[:, None, None] * rows + row[None, :, None]) * ((columns + 3) // 4) + (column // 4)[None, None, :]
    first, second, third, fourth = tl.randint4x(tl.load(key), place)
    below = (tl.load(rate).to(tl.float64) * 4294967296.0).to(tl.int64)
    seeded = (first.to(tl.uint32, bitcast=True).to(tl.int64) < below).to(tl.int64)
    seeded |= (second.to(tl.uint32, bitcast=True).to(tl.int64) < below).to(tl.int64) << 1
    seeded |= (third.to(tl.uint32, bitcast=True).to(tl.int64) < below).to(tl.int64) << 2
    seeded |= (fourth.to(tl.uint32, bitcast=True).to(tl.int64) < below).to(tl.int64) << 3
    real = (plane[:, None, None] < planes) & (row[None, :, None] < rows) & (column[None, None, :] < columns)
    shift = tl.where(column < columns, column, 0)
    words = tl.sum(tl.where(real, seeded << shift[None, None, :], 0), axis=2) & ((1 << columns) - 1)
    wide = words
    for more in tl.static_range(1, block):
        wide |= words << more
    wide = (wide >> before) & ((1 << width) - 1)
    y = tl.arange(0, HEIGHT)
    top = row[None, None, :] - before
    reaches = (top <= y[None, :, None]) & (y[None, :, None] < top + block) & (row[None, None, :] < rows)
    covered = tl.reduce(tl.where(reaches, wide[:, None, :], 0), 2, _or)
    inside = (plane[:, None] < planes) & (y[None, :] < height)
    tl.atomic_add(dropped, tl.sum(tl.sum(tl.where(inside, _ones(covered), 0), axis=1), axis=0))
    if last:
        word = ((plane // channels)[:, None] * height + y[None, :]) * channels + (plane % channels)[:, None]
    else:
        word = plane[:, None] * height + y[None, :]
    tl.store(bits + word, covered.to(bits.dtype.element_ty), mask=inside)


@triton.jit
def scale_kernel(scale, dropped, cells):
    """Write cells / cells kept."""
    kept = tl.maximum(cells - tl.load(dropped), 1)
    tl.store(scale, tl.div_rn(tl.full((), 0, tl.float32) + cells, kept.to(tl.float32)))


@triton.jit
def apply_kernel(
    input, output, bits, scale, cells, channels, last: tl.constexpr, width: tl.constexpr, SIZE: tl.constexpr
):
    """Write input · scale if a cell's bit is 0, else 0; cells in memory order."""
    cell = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    inside = cell < cells
    if last:
        pixel = cell // channels
        word, column = (pixel // width) * channels + cell % channels, pixel % width
    else:
        word, column = cell // width, cell % width
    dropped = (tl.load(bits + word, mask=inside, other=0).to(tl.int64) >> column) & 1
    value = tl.load(input + cell, mask=inside, other=0)
    scaled = (value.to(tl.float32) * tl.load(scale).to(tl.float32)).to(value.dtype)
    tl.store(output + cell, tl.where(dropped == 0, scaled, 0), mask=inside)


def is_last(dense: Tensor) -> bool:
    """Predicate: a dense tensor's memory is in channels_last order, not contiguous."""
    return not dense.is_contiguous()


def draw_mask(input: Tensor, seed_rate: Tensor, key: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return the words of all rows, (N, C, H) in input's memory order, and their count of 1s (0-dim int64)."""
    count, channels, height, width = input.shape
    word = torch.int16 if width < 16 else torch.int32 if width < 32 else torch.int64
    if is_last(input):
        bits = torch.empty(count, height, channels, dtype=word, device=input.device).transpose(1, 2)
    else:
        bits = torch.empty(count, channels, height, dtype=word, device=input.device)
    dropped = torch.zeros((), dtype=torch.int64, device=input.device)
    tall, rows = triton.next_power_of_2(height), triton.next_power_of_2(grid.rows)
    quads = triton.next_power_of_2((grid.columns + 3) // 4)
    planes = max(1, 1024 // (tall * rows))
    with torch.cuda.device_of(input):
        draw_kernel[(triton.cdiv(count * channels, planes),)](
            bits, dropped, seed_rate, key, count * channels, channels, is_last(input), height, width,
            *grid[:4], PLANES=planes, HEIGHT=tall, ROWS=rows, QUADS=quads,
        )  # fmt: skip
    return bits, dropped


def scale_of(cells: int, dropped: Tensor) -> Tensor:
    """Return cells / cells kept, 0-dim float32."""
    scale = torch.empty((), dtype=torch.float32, device=dropped.device)
    with torch.cuda.device_of(dropped):
        scale_kernel[(1,)](scale, dropped, cells)
    return scale


def apply(input: Tensor, bits: Tensor, grid: Grid, scale: Tensor) -> Tensor:
    """Return input · scale, and 0 at the bits that are 1; computed in float32."""
    last = is_last(bits)
    dense = input.contiguous(memory_format=torch.channels_last) if last else input.contiguous()
    output = torch.empty_like(dense)
    size = 1024
    with torch.cuda.device_of(input):
        apply_kernel[(triton.cdiv(dense.numel(), size),)](
            dense, output, bits, scale, dense.numel(), dense.shape[1], last, dense.shape[3], SIZE=size
        )
    return output
