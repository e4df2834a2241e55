"""The loops of the sparse mask, compiled by Numba at first import and cached on disk.

No compiler is needed. If Numba is not installed, `dropgrid.masks.sparse` does it in torch, bit-identical.
Seeds come as gaps (`dropgrid.masks.positions`); cells are those of one dense tensor in memory order: channels_last
(`last`) or contiguous.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload, register_jitable

from dropgrid.masks.grid import FAR

SLAB = 2**15
"""Cells scaled before their zeros are written: they are still in the second cache then."""

BEYOND = np.iinfo(np.int64).max
"""The position after the last seed."""

U32, U64 = np.uint32, np.uint64
"""Of numbers within a slab: dividing them takes a third of the time that int64 does. Of indices: one that has a sign
is looked at for each cell, whether it counts from the end."""

ONE, TWO, THREE, FOUR = U64(1), U64(2), U64(3), U64(4)
EVERY = U64(2**64 - 1)


def compiled(*signatures: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return njit for these types, with a cache on disk if it is writable."""

    def compile(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(list(signatures), cache=True, nogil=True, error_model="numpy")(function)
        except RuntimeError:  # no folder to write to: compiled anew in each process
            return njit(list(signatures), nogil=True, error_model="numpy")(function)

    return compile


I64, FLAG = types.int64, types.boolean
GAPS = types.Array(types.int16, 1, "C")
GEOMETRY = (I64, I64, I64, I64, FLAG, I64, I64, I64, I64)


def drop_types(cell: types.Type, scale: types.Type) -> Any:
    """Return the signature of `drop` for a type of cells."""
    cells = types.Array(cell, 1, "C")
    return types.void(cells, cells, GAPS, *GEOMETRY, scale)


@compiled(types.Tuple((GAPS, I64))(types.Array(types.float64, 1, "C"), types.float64, I64, I64))
def walk(logarithms, of_failure, count, last):
    """Return gaps after position `last` from ln(1 - u) and ln(1 - p), of seeds below `count`, and the last position."""
    gaps = np.empty(len(logarithms) + count // FAR, np.int16)
    found = 0
    for logarithm in logarithms:
        # a gap past the end is past the end however long it is
        gap = np.int64(min(np.floor(logarithm / of_failure) + 1, count + 1.0))
        last += gap
        if last >= count:
            break
        while gap >= FAR:
            gaps[found] = FAR
            gap -= FAR
            found += 1
        gaps[found] = gap
        found += 1
    return gaps[:found], last


@register_jitable
def following(gaps, index, position):
    """Return the next seed: the number of gaps before it, and its position."""
    while index < U64(len(gaps)):
        gap = gaps[index]
        position += gap
        index += ONE
        if gap != FAR:
            return index, position
    return index, BEYOND


@register_jitable
def clipped(at, before, block, size):
    """Return first and last + 1 of a line's cells in the block seeded there."""
    return max(at - before, 0), min(at - before + block, size)


@register_jitable
def ones(bits):
    """Return the number of bits that are 1; the compiler recognises the loop."""
    count = 0
    while bits:
        bits &= bits - ONE
        count += 1
    return count


@compiled(I64(GAPS, *(I64,) * 6))
def covered(gaps, height, width, rows, columns, block, before):
    """Return the number of cells that the blocks of the seeds cover, each cell counted once."""
    places, cut, words = rows * columns, rows != height - block + 1, (width + 63) // 64
    seen = np.empty((height, words), np.uint64)  # a bit a cell
    own = np.empty(places, np.uint32)
    total = 0
    index, position = following(gaps, U64(0), -1)
    while position != BEYOND:
        below = position // places * places
        count = U64(0)
        while position < below + places:
            own[count] = position - below
            count += ONE
            index, position = following(gaps, index, position)
        if count == ONE and not cut:
            total += block * block
            continue
        seen[:] = 0
        for place in own[:count]:
            row = place // U32(columns)
            top, bottom = clipped(np.int64(row), before, block, height)
            left, right = clipped(np.int64(place - row * U32(columns)), before, block, width)
            for word in range(left // 64, (right + 63) // 64):
                low, high = max(left - 64 * word, 0), min(right - 64 * word, 64)
                run = (EVERY >> U64(64 - high + low)) << U64(low)
                for y in range(top, bottom):
                    total += ones(run & ~seen[U64(y), U64(word)])
                    seen[U64(y), U64(word)] |= run
    return total


def multiply(cells, out, scale):
    """Compute out = cells · scale; cells of type uint16 are the bits of bfloat16."""


@overload(multiply)
def _multiply(cells, out, scale):
    def floats(cells, out, scale):
        for k in range(len(cells)):
            out[k] = cells[k] * scale

    def bfloat16s(cells, out, scale):
        for k in range(len(cells)):
            product = np.uint32(np.uint32(cells[k]) << np.uint32(16)).view(np.float32) * scale
            bits = np.float32(product).view(np.uint32)
            rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
            out[k] = np.uint16(0x7FC0) if product != product else np.uint16(rounded)  # to nearest, ties to even

    return bfloat16s if cells.dtype == types.uint16 else floats


@register_jitable
def zero(out, first, count):
    """Set a run of cells to 0, four at a time."""
    if count < FOUR:
        out[first] = out[first + count // TWO] = out[first + count - ONE] = 0
        return
    last = first + count - FOUR
    while first < last:
        out[first] = out[first + ONE] = out[first + TWO] = out[first + THREE] = 0
        first += FOUR
    out[last] = out[last + ONE] = out[last + TWO] = out[last + THREE] = 0


@register_jitable
def drop_planes(cells, out, gaps, planes, height, width, rows, columns, block, before, scale):
    """Drop in contiguous maps, a slab at a time."""
    plane, places, cut = height * width, rows * columns, rows != height - block + 1
    step, side, line = max(1, SLAB // plane), U64(block), U64(width)
    index, position = following(gaps, U64(0), -1)
    for begin in range(0, planes, step):
        end = min(begin + step, planes)
        multiply(cells[begin * plane : end * plane], out[begin * plane : end * plane], scale)
        while position < end * places:
            within = U32(position - begin * places)
            map = within // U32(places)
            place = within - map * U32(places)
            row = place // U32(columns)
            column = place - row * U32(columns)
            at = U64(begin * plane) + U64(map) * U64(plane)
            if cut:
                top, bottom = clipped(np.int64(row), before, block, height)
                left, right = clipped(np.int64(column), before, block, width)
                for y in range(top, bottom):
                    zero(out, at + U64(y * width + left), U64(right - left))
            else:
                at += U64(row) * line + U64(column)
                for _ in range(block):
                    zero(out, at, side)
                    at += line
            index, position = following(gaps, index, position)


@register_jitable
def drop_images(cells, out, gaps, images, channels, height, width, rows, columns, block, before, scale):
    """Drop in channels_last images, a slab of rows at a time; an image's seeds are first sorted by row."""
    line, places, cut = width * channels, rows * columns, rows != height - block + 1
    step, pixel = max(1, SLAB // line), U64(channels)
    of_row, within_row, in_order = np.empty((3, len(gaps)), np.uint32)
    ends = np.empty(rows + 1, np.uint64)  # of the seeds of the rows before; while they are sorted, of those so far
    index, position = following(gaps, U64(0), -1)
    for image in range(images):
        below, count = image * channels * places, U64(0)
        ends[:] = 0
        while position < below + channels * places:
            above = U32(position - below) // U32(columns)
            channel = above // U32(rows)
            row = above - channel * U32(rows)
            of_row[count] = row
            within_row[count] = (U32(position - below) - above * U32(columns)) * U32(channels) + channel
            ends[row + U32(1)] += ONE
            count += ONE
            index, position = following(gaps, index, position)
        for k in range(1, rows + 1):
            ends[k] += ends[k - 1]
        for k in range(count):
            in_order[ends[of_row[k]]] = within_row[k]
            ends[of_row[k]] += ONE
        for top in range(0, height, step):
            first = (image * height + top) * line
            slab = slice(first, first + min(step, height - top) * line)
            multiply(cells[slab], out[slab], scale)
            for y in range(top, min(top + step, height)):
                lowest, highest = y + before - block, min(y + before, rows - 1)
                for each in in_order[(ends[lowest] if lowest >= 0 else U64(0)) : ends[highest]]:
                    at, run = U64((image * height + y) * line) + U64(each), block
                    if cut:
                        column = np.int64(each // U32(channels))
                        left, right = clipped(column, before, block, width)
                        at, run = at + U64(left * channels) - U64(column * channels), right - left
                    for _ in range(run):
                        out[at] = 0
                        at += pixel


@compiled(
    drop_types(types.float32, types.float32),
    drop_types(types.float64, types.float64),
    drop_types(types.uint16, types.float32),
)
def drop(cells, out, gaps, images, channels, height, width, last, rows, columns, block, before, scale):
    """Compute out = cells · scale, and 0 in the blocks of the seeds."""
    if last:
        drop_images(cells, out, gaps, images, channels, height, width, rows, columns, block, before, scale)
    else:
        drop_planes(cells, out, gaps, images * channels, height, width, rows, columns, block, before, scale)
