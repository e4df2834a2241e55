"""A line of a figure: in the look of its place, with marks, and with intervals if there are any."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, Transform

from dropgrid.plotting.style import look, root_figure
from dropgrid.statistics.samples import Sample

MARKED = 24
"""Points of a line, at most, for each of which there is a mark."""

LINE, MARK, BAR = (1.7, 1.0), (6.5, 4.5), (1.3, 0.9)
"""Points: a line, a mark, an interval; of few lines, and of many."""


class Point(NamedTuple):
    """The value on the horizontal axis, the sample there, and whether it has all seeds."""

    x: float
    sample: Sample
    complete: bool


def draw_series(axes: Axes, across: Any, up: Any, index: int, **more: Any) -> None:
    """Draw a line with marks, in the look of the configuration at that place; values that are not finite are gaps."""
    colour, marker, dash = look(index)
    up = np.where(np.isfinite(up), up, np.nan)
    step = max(1, -(-len(up) // MARKED))
    given: dict[str, Any] = {"marker": marker, "markersize": 4.5, "mec": "white", "mew": 0.5, "markevery": step}
    axes.plot(across, up, color=colour, linestyle=dash, linewidth=1.5, zorder=3, **{**given, **more})


def draw_by_layer(axes: Axes, values: Sequence[np.ndarray | None], first: int = 1) -> None:
    """Draw one line per configuration, its values in the order of the layers; None has no line.

    Args:
        values: an array (layers,) per configuration.
        first: the number of the first layer.
    """
    for index, each in enumerate(values):
        if each is not None:
            draw_series(axes, np.arange(first, first + len(each)), each, index)
    axes.locator_params(axis="x", nbins=8, integer=True)


def draw_means(axes: Axes, points: Sequence[Point], index: int, moved: Transform, *, many: bool = False) -> None:
    """Draw means joined, with bars for 95 % intervals; an open mark if seeds are missing; thin if `many`."""
    colour, marker, dash = look(index)
    known = [(x, sample.mean, sample.ci95, complete) for x, sample, complete in points if sample.mean is not None]
    xs, means = [x for x, *_ in known], [mean for _, mean, *_ in known]
    axes.plot(xs, means, color=colour, linestyle=dash, linewidth=LINE[many], transform=moved, zorder=3)
    for x, mean, ci95, complete in known:
        if ci95 is not None:
            axes.plot((x, x), ci95, color=colour, linewidth=BAR[many], alpha=0.75, transform=moved, zorder=3)
        face, edge = (colour, "white") if complete else ("white", colour)
        given: dict[str, Any] = {"markersize": MARK[many], "mfc": face, "mec": edge, "mew": 0.5 if many else 0.8}
        axes.plot(x, mean, marker, transform=moved, zorder=4, **given)


def moved_aside(axes: Axes, index: int, count: int, points: float) -> Transform:
    """Return the transform of line `index` of `count`, whose marks are some points aside of one another."""
    inches = (index - (count - 1) / 2) * points / 72
    return axes.transData + ScaledTranslation(inches, 0, root_figure(axes).dpi_scale_trans)


def describe_intervals(sizes: Sequence[int], complete: bool) -> str:
    """Return the caption's sentence on marks and bars, by the numbers of seeds of all points.

    Args:
        sizes: the number of seeds of each point.
        complete: whether no point lacks a seed.
    """
    interval = (
        "One seed a mark: no intervals."
        if set(sizes) == {1}
        else f"Mean over seeds (n = {count_range(sizes)}) and its 95 % interval (Student t)."
    )
    return interval if complete else f"{interval} Open mark: seeds are missing."


def count_range(sizes: Collection[int]) -> str:
    """Return `5`, or `3 to 5` if they differ."""
    low, high = min(sizes), max(sizes)
    return str(low) if low == high else f"{low} to {high}"
