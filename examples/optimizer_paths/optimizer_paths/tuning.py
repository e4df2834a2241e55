"""Each optimizer's best rate on a surface, of one grid for all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optimizer_paths.options import maker
from optimizer_paths.surface import Surface
from optimizer_paths.walk import Walk, walks

RATES = tuple(float(f"{10 ** (power / 4):.3g}") for power in range(-16, 13))
"""0.0001 to 1,000, four a decade."""

RULE = (
    "the rate of the grid that arrives in the fewest steps, of equals the smallest; where none arrives, the one "
    "that does not diverge with the lowest loss at the end"
)


def tried(surface: Surface, start: tuple[float, float], node: Mapping[str, Any], steps: int) -> list[Walk]:
    """An optimizer at each rate of the grid, for `steps` steps."""
    makers = {rate: (rate, maker(node, rate)) for rate in RATES}
    return list(walks(surface, start, makers, steps).values())


def chosen(trials: Sequence[Walk]) -> float:
    """The rate by RULE."""

    def rank(walk: Walk) -> tuple[float, bool, float, float]:
        if walk.arrived is not None:
            return walk.arrived, False, 0.0, walk.rate
        return np.inf, walk.diverged, float(walk.losses[-1]), walk.rate

    return min(trials, key=rank).rate
