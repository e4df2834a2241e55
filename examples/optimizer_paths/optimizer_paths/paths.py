"""All optimizers on one surface, at one common rate and at each one's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optimizer_paths.options import common, maker
from optimizer_paths.surface import Surface
from optimizer_paths.tuning import chosen, tried
from optimizer_paths.walk import Walk, walks

COMMON, TUNED = "common", "tuned"


@dataclass(frozen=True)
class Paths:
    """The walks of all optimizers over a surface; `still`: the same from offset 0, where the offset is another."""

    surface: Surface
    start: tuple[float, float]
    offset: float
    steps: int
    rate: float | None
    walks: Mapping[str, Walk]
    still: Mapping[str, Walk]

    @property
    def begin(self) -> tuple[float, float]:
        """The start with its offset."""
        return self.start[0], self.start[1] + self.offset


@dataclass(frozen=True)
class Request:
    """What the command line asks of a surface; None: as the surface has it."""

    rate: float | None = None
    start: tuple[float, float] | None = None
    offset: float | None = None
    steps: int | None = None


def regimes(
    surface: Surface,
    nodes: Mapping[str, Mapping[str, Any]],
    request: Request,
    told: Callable[[], object] = lambda: None,
) -> tuple[dict[str, Paths], dict[str, list[Walk]]]:
    """Common and tuned paths, and each optimizer's trials of its tuning; `told` is called after each optimizer's."""
    rate = surface.rate if request.rate is None else request.rate
    start = request.start or surface.start
    offset = surface.offset if request.offset is None else request.offset
    steps = request.steps or surface.steps
    begin = (start[0], start[1] + offset)
    trials = {}
    for name, node in nodes.items():
        trials[name] = tried(surface, begin, node, steps)
        told()
    rates = {
        COMMON: {name: common(name, node, rate) for name, node in nodes.items()},
        TUNED: {name: chosen(found) for name, found in trials.items()},
    }
    found = {}
    for regime, own in rates.items():
        makers = {name: (own[name], maker(node, own[name])) for name, node in nodes.items()}
        moved = walks(surface, begin, makers, steps)
        still = walks(surface, start, makers, steps) if offset else moved
        found[regime] = Paths(surface, start, offset, steps, rate if regime == COMMON else None, moved, still)
    return found, trials
