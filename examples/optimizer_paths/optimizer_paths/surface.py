"""What a surface is, and which there are: each file of `surfaces/` is one, and a new file is a new one."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from optimizer_paths import surfaces as folder

BOUND = 10.0
"""A path ends where it is farther from the window's middle than this many half windows, in x or in y."""


@dataclass(frozen=True)
class Surface:
    """A function of two numbers, and how paths on it start, end and are drawn; its file holds it as SURFACE.

    function: (x, y) -> f, tensors of one shape. window: left, right, bottom, top of the picture. offset is added to
    start's y. rate is the one common rate. A path has arrived from the step on from which `gauge` (x, y) -> value stays
    at or below `goal` (`above`: above it) to the path's end; `gauged` is how the gauge is called.
    """

    title: str
    formula: str
    function: Callable[[Tensor, Tensor], Tensor]
    gauge: Callable[[Tensor, Tensor], Tensor]
    gauged: str
    minimum: tuple[float, float] | None
    window: tuple[float, float, float, float]
    logarithmic: bool
    start: tuple[float, float]
    offset: float
    rate: float
    steps: int
    goal: float
    above: bool

    @property
    def aim(self) -> str:
        """The goal as people read it: `loss ≤ 0.001`."""
        return f"{self.gauged} {'>' if self.above else '≤'} {self.goal:g}"

    def reached(self, gauge: float) -> bool:
        """Whether a value of the gauge is at the goal."""
        return gauge > self.goal if self.above else gauge <= self.goal

    def inside(self, x: float, y: float) -> bool:
        """Whether a path may go on from there; never from what is not finite."""
        left, right, bottom, top = self.window
        across, up = abs(2 * x - left - right) / (right - left), abs(2 * y - bottom - top) / (top - bottom)
        return across <= BOUND and up <= BOUND


def surfaces() -> dict[str, Surface]:
    """Name of the file -> its SURFACE, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return {name: importlib.import_module(f"{folder.__name__}.{name}").SURFACE for name in names}
