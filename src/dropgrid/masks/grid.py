"""The places of seeds on a feature map, and the longest gap between two seeds."""

from typing import NamedTuple

FAR = 2**15 - 1
"""The longest piece of a gap between two seeds: int16 (`masks.positions`)."""


class Grid(NamedTuple):
    """Places of seeds over one map, and the block that each zeroes.

    A seed at (row, column), 0 ≤ row < rows, 0 ≤ column < columns, zeroes the cells from row - before to
    row - before + block - 1, and so for columns; what lies outside the map is cut off. Seeds are numbered in the order
    of (image, channel, row, column), whatever the tensor's strides.
    """

    rows: int
    columns: int
    block: int
    before: int = 0
    shared: bool = False
    """One mask for all channels of an image, or one for each."""

    @classmethod
    def over(cls, height: int, width: int, block: int, seeds: str = "fits", shared: bool = False) -> "Grid":
        """Return a map's grid. Seeds `fits`: only where a block fits; `anywhere`: at each cell, the block's centre."""
        if seeds == "fits":
            return cls(height - block + 1, width - block + 1, block, 0, shared)
        return cls(height, width, block, (block - 1) // 2, shared)
