"""The sparse mask's two loops, compiled by Numba when first imported and kept in its cache.

No compiler is needed. Where Numba is not installed, `dropgrid.masks.sparse` does the same in torch, to the bit.
Cells are those of one dense tensor in memory order: channels_last (`last`) or contiguous.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload, register_jitable

SLAB = 4096
"""Cells scaled before their zeros are written: they are still in the first cache then."""


U32 = np.uint32
"""Of numbers within an image: dividing them takes a third of the time that int64 does."""


def compiled(*signatures: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """njit for these types, kept on disk where there is a place to keep it."""

    def compile(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(list(signatures), cache=True, nogil=True, error_model="numpy")(function)
        except RuntimeError:  # no folder to write to: compiled anew in each process
            return njit(list(signatures), nogil=True, error_model="numpy")(function)

    return compile


I64, FLAG = types.int64, types.boolean
POSITIONS = types.Array(I64, 1, "C")
GEOMETRY = (I64, I64, I64, I64, FLAG, I64, I64, I64, I64)


def drop_types(cell: types.Type, scale: types.Type) -> Any:
    """The signature of `drop` for a type of cells."""
    cells = types.Array(cell, 1, "C")
    return types.void(cells, cells, POSITIONS, *GEOMETRY, scale)


@compiled(types.Tuple((POSITIONS, I64))(types.Array(types.float64, 1, "C"), types.float64, I64, I64))
def walk(logarithms, of_failure, count, last):  # type: ignore[no-untyped-def]
    """Positions after `last` from ln(1 - u) and ln(1 - p), those below `count` of them, and the last one walked to."""
    positions = np.empty(len(logarithms), np.int64)
    found = 0
    for logarithm in logarithms:
        # a gap past the end is past the end however long it is
        last += np.int64(min(np.floor(logarithm / of_failure) + 1, count + 1.0))
        if last >= count:
            break
        positions[found] = last
        found += 1
    return positions[:found], last


@compiled(I64(POSITIONS, *(I64,) * 6))
def covered(positions, height, width, rows, columns, block, before):  # type: ignore[no-untyped-def]
    """How many cells the blocks seeded at sorted positions cover, each cell counted once."""
    places, cut = rows * columns, rows != height - block + 1
    seen = np.zeros(height * width, np.uint8)
    total, first = 0, 0
    while first < len(positions):
        below = positions[first] // places * places
        end = first + 1
        while end < len(positions) and positions[end] < below + places:
            end += 1
        if end == first + 1 and not cut:
            total += block * block
        else:
            seen[:] = 0
            for each in positions[first:end]:
                place = U32(each - below)
                row, column = np.int64(place // U32(columns)), np.int64(place % U32(columns))
                for y in range(max(row - before, 0), min(row - before + block, height)):
                    for x in range(max(column - before, 0), min(column - before + block, width)):
                        total += 1 - seen[y * width + x]
                        seen[y * width + x] = 1
        first = end
    return total


def multiply(cells, out, scale):  # type: ignore[no-untyped-def]
    """out = cells · scale; cells of type uint16 are the bits of bfloat16."""


@overload(multiply)
def _multiply(cells, out, scale):  # type: ignore[no-untyped-def]
    def floats(cells, out, scale):  # type: ignore[no-untyped-def]
        for k in range(len(cells)):
            out[k] = cells[k] * scale

    def bfloat16s(cells, out, scale):  # type: ignore[no-untyped-def]
        for k in range(len(cells)):
            product = np.uint32(np.uint32(cells[k]) << np.uint32(16)).view(np.float32) * scale
            bits = np.float32(product).view(np.uint32)
            rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
            out[k] = np.uint16(0x7FC0) if product != product else np.uint16(rounded)  # to nearest, ties to even

    return bfloat16s if cells.dtype == types.uint16 else floats


@register_jitable
def drop_planes(cells, out, own, channels, height, width, rows, columns, block, before, scale):  # type: ignore[no-untyped-def]
    """One contiguous image, a few planes at a time; `own` are the positions of its seeds."""
    plane, places = height * width, rows * columns
    step = max(1, SLAB // plane)
    seed = 0
    for begin in range(0, channels, step):
        end = min(begin + step, channels)
        multiply(cells[begin * plane : end * plane], out[begin * plane : end * plane], scale)
        while seed < len(own) and own[seed] < end * places:
            above = own[seed] // U32(columns)
            column = np.int64(own[seed] - above * U32(columns))
            channel = above // U32(rows)
            row = np.int64(above - channel * U32(rows))
            left, right = max(column - before, 0), min(column - before + block, width)
            for y in range(max(row - before, 0), min(row - before + block, height)):
                at = np.int64(channel) * plane + y * width
                for x in range(at + left, at + right):
                    out[x] = 0
            seed += 1


@register_jitable
def drop_rows(cells, out, own, start, place, seeds, channels, height, width, rows, columns, block, before, scale):  # type: ignore[no-untyped-def]
    """One channels_last image, a row of the map at a time; the seeds are brought into the order of their rows first.

    `start`, `place` (rows + 1) and `seeds` (2, as many as there are seeds) are written over.
    """
    slab = width * channels
    start[:] = 0
    for each in own:
        start[each // U32(columns) % U32(rows) + U32(1)] += 1
    for row in range(rows):
        start[row + 1] += start[row]
    place[:] = start
    for each in own:
        above = each // U32(columns)
        channel = above // U32(rows)
        row = above - channel * U32(rows)
        seeds[0, place[row]], seeds[1, place[row]] = each - above * U32(columns), channel
        place[row] += 1
    for y in range(height):
        line = out[y * slab : (y + 1) * slab]
        multiply(cells[y * slab : (y + 1) * slab], line, scale)
        reach = min(max(y + before + 1, 0), rows)
        for seed in range(start[max(y + before - block + 1, 0)], start[reach]):
            column, channel = np.int64(seeds[0, seed]), np.int64(seeds[1, seed])
            for x in range(max(column - before, 0), min(column - before + block, width)):
                line[x * channels + channel] = 0


@compiled(
    drop_types(types.float32, types.float32),
    drop_types(types.float64, types.float64),
    drop_types(types.uint16, types.float32),
)
def drop(  # type: ignore[no-untyped-def]
    cells, out, positions, images, channels, height, width, last, rows, columns, block, before, scale
):
    """out = cells · scale, and 0 in the blocks seeded at sorted positions."""
    size, places = channels * height * width, channels * rows * columns
    ends = np.searchsorted(positions, places * np.arange(images + 1))
    most = np.max(np.diff(ends))
    own, seeds = np.empty(most, np.uint32), np.empty((2, most), np.uint32)
    start, place = np.empty(rows + 1, np.int64), np.empty(rows + 1, np.int64)
    for image in range(images):
        here, there = cells[image * size : (image + 1) * size], out[image * size : (image + 1) * size]
        count = ends[image + 1] - ends[image]
        for k in range(count):
            own[k] = positions[ends[image] + k] - image * places
        if last:
            drop_rows(
                here, there, own[:count], start, place, seeds,
                channels, height, width, rows, columns, block, before, scale,
            )  # fmt: skip
        else:
            drop_planes(here, there, own[:count], channels, height, width, rows, columns, block, before, scale)
