"""Panels of lines over a number, a line a row, under the rows' names: what several figures are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from dropgrid.plotting.legend import name_rows, named
from dropgrid.plotting.style import GREY, canvas, heading, lines, look, place, style, wrap, write_text
from dropgrid.reports.figures.accuracy import limits
from dropgrid.reports.table import Row
from dropgrid.statistics.samples import Sample
from dropgrid.store.ablation import Block

WIDTH, MARGIN, AXIS, GAP = 10.5, 0.3, 0.55, 0.2
HEIGHT, TITLE, BELOW = (3.1, 4.2), 0.16, 0.66
"""Inches: a panel of few rows and of many, a line of its title, the horizontal axis with its name."""

ASIDE, SPREAD = 2.6, 24.0
"""Points between the marks of two rows at one number, at most, so that no interval hides another."""

MANY = 8
"""Rows in a panel, at most, that are drawn in full size."""

LINE, MARK, BAR = (1.7, 1.0), (6.5, 4.5), (1.3, 0.9)
"""Points: a line, a mark, an interval; of few rows, and of many."""

Point = tuple[float, Sample, bool]
"""Where on the horizontal axis, the sample there, and whether it is of all seeds."""


@dataclass(frozen=True)
class Panel:
    """What is measured (`up`) over what (`across`), and the rows' points, those of each from left to right or back.

    Panels of a block that have the same `scale` share the vertical axis. `falls`: from high numbers to low ones.
    `doubling`: each doubling is as wide as any other. `tenfold`: each tenfold rise is as high as any other. `alone` is
    a number whose marks no line joins, and its name.
    """

    block: Block
    title: str
    across: str
    up: str
    scale: str
    curves: Sequence[tuple[Row, Sequence[Point]]]
    falls: bool = False
    doubling: bool = False
    tenfold: bool = False
    alone: tuple[float, str] | None = None

    @property
    def values(self) -> list[float]:
        """All numbers on the horizontal axis."""
        return sorted({x for _, points in self.curves for x, _, _ in points})


def draw(title: str, found: Sequence[Panel], told: str) -> Figure:
    """Title, the rows' names, the panels, those of one block side by side, caption."""
    with style():
        return compose(heading(title, WIDTH - 2 * MARGIN), found, wrap(told, WIDTH - 2 * MARGIN, 8))


def compose(title: str, found: Sequence[Panel], caption: str) -> Figure:
    """The same, of texts already in lines."""
    names = list(dict.fromkeys(row.name for each in found for row, _ in each.curves))
    blocks = list({id(each.block): each.block for each in found}.values())
    grid = [[each for each in found if each.block is block] for block in blocks]
    many = any(len(each.curves) > MANY for each in found)
    across = columns(max(len(each) for each in grid), many=many)
    wide = (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across
    legend = named(names)
    depth = 0.22 * len(legend) + 0.15
    head = max(lines(wrap(each.title, wide, 9.5)) for each in found) * TITLE + 0.14
    deep = head + HEIGHT[many] + BELOW
    top = MARGIN + 0.24 * lines(title) + 0.18
    down = sum(-(-len(each) // across) for each in grid)
    figure = canvas(WIDTH, top + depth + down * deep + 0.17 * lines(caption) + 0.2)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    name_rows(figure, legend, names, top)
    top += depth
    for each in grid:
        for index, panel in enumerate(each):
            line, column = divmod(index, across)
            left, upper = MARGIN + AXIS + column * (wide + AXIS + GAP), top + line * deep
            write_text(figure, left, upper, wrap(panel.title, wide, 9.5), fontsize=9.5, fontweight="bold")
            axes = place(figure, left, upper + head, wide, HEIGHT[many])
            alike = [other for other in each if other.scale == panel.scale]
            fill(axes, panel, names, wide)
            axes.set_ylim(*vertical(alike))
            if not panel.tenfold:
                axes.locator_params(axis="y", nbins=7)
            axes.set_xlabel(panel.across, fontsize=9)
            axes.set_ylabel("" if column and each[index - 1] in alike else panel.up, fontsize=9)
        top += -(-len(each) // across) * deep
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def columns(count: int, *, many: bool) -> int:
    """Panels side by side: three at most, two of four or of many rows."""
    return min(count, 2 if many or count == 4 else 3)


def vertical(found: Sequence[Panel]) -> tuple[float, float]:
    """Limits that hold all means and intervals of some panels; of percent none far outside 0 and 100."""
    samples = [sample for panel in found for _, points in panel.curves for _, sample, _ in points]
    if found[0].tenfold:
        means = [s.mean for s in samples if s.mean]
        return min(means) / 2, 2 * max(means)
    low, high = limits([[s.mean] for s in samples if s.mean is not None], [s.ci95 for s in samples])
    return (max(low, -1.0), min(high, 101.0)) if found[0].up.endswith("%") else (low, high)


def fill(axes: Axes, panel: Panel, names: Sequence[str], wide: float) -> None:
    """The rows' lines; each row looks as its place in `names` says."""
    if panel.tenfold:
        axes.set_yscale("log", nonpositive="clip")
    if panel.doubling:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    ticks(axes, panel.values, wide, falls=panel.falls, named=dict([panel.alone] if panel.alone else []))
    step = aside(axes, panel.values, len(panel.curves), wide)
    many = len(panel.curves) > MANY
    for index, (row, points) in enumerate(panel.curves):
        inches = (index - (len(panel.curves) - 1) / 2) * step / 72
        moved = axes.transData + ScaledTranslation(inches, 0, axes.figure.dpi_scale_trans)
        alone = [each for each in points if panel.alone and each[0] == panel.alone[0]]
        for part in (alone, [each for each in points if each not in alone]):
            line(axes, part, look(names.index(row.name)), moved, many=many)


def line(axes: Axes, points: Sequence[Point], looks: tuple[str, str, Any], moved: Any, *, many: bool = False) -> None:
    """Means joined, a bar a 95 % interval; an open mark where seeds are missing."""
    colour, marker, dash = looks
    known = [(x, sample.mean, sample.ci95, whole) for x, sample, whole in points if sample.mean is not None]
    xs, means = [x for x, *_ in known], [mean for _, mean, *_ in known]
    axes.plot(xs, means, color=colour, linestyle=dash, linewidth=LINE[many], transform=moved, zorder=3)
    for x, mean, ci95, whole in known:
        if ci95 is not None:
            axes.plot((x, x), ci95, color=colour, linewidth=BAR[many], alpha=0.75, transform=moved, zorder=3)
        face, edge = (colour, "white") if whole else ("white", colour)
        given: dict[str, Any] = {"markersize": MARK[many], "mfc": face, "mec": edge, "mew": 0.5 if many else 0.8}
        axes.plot(x, mean, marker, transform=moved, zorder=4, **given)


def places(axes: Axes, values: Sequence[float]) -> np.ndarray:
    """Numbers as the horizontal axis spaces them."""
    return np.log2(values) if axes.get_xscale() == "log" else np.array(values, dtype=float)


def ticks(
    axes: Axes, values: Sequence[float], wide: float, *, falls: bool = False, named: dict[float, str] | None = None
) -> None:
    """A tick a value, in an axis of `wide` inches; a number too near the one before it stands lower, or is left out."""
    values = sorted(set(values))
    at = places(axes, values)
    air = 0.05 * (at[-1] - at[0]) or 0.5
    low, high = float(at[0] - air), float(at[-1] + air)
    texts = [(named or {}).get(value, f"{value:g}") for value in values]
    shown, ends = [], [-1.0, -1.0]
    for spot, text in sorted(zip(at, texts, strict=True), reverse=falls):
        middle, half = abs(spot - (high if falls else low)) / (high - low) * wide, 0.04 * len(text)
        free = next((line for line, end in enumerate(ends) if middle - half > end), None)
        shown.append("" if free is None else "\n" * free + text)
        if free is not None:
            ends[free] = middle + half + 0.04
    limit = (2**low, 2**high) if axes.get_xscale() == "log" else (low, high)
    axes.set_xlim(*(reversed(limit) if falls else limit))
    axes.set_xticks(values, shown[::-1] if falls else shown)


def aside(axes: Axes, values: Sequence[float], count: int, wide: float) -> float:
    """Points between two lines' marks at one value: half of the room between values holds those of all."""
    at = places(axes, sorted(set(values)))
    low, high = places(axes, axes.get_xlim())
    nearest = min((b - a for a, b in pairwise(at)), default=abs(high - low))
    return float(min(ASIDE, SPREAD / count, 0.5 * nearest / abs(high - low) * wide * 72 / count))


def marks(found: Sequence[Panel]) -> tuple[str, str]:
    """What the caption says of means and intervals, and of marks that stand aside."""
    points = [each for panel in found for _, points in panel.curves for each in points]
    sizes = sorted({sample.n for _, sample, _ in points})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    interval = (
        "One seed a mark: no intervals."
        if sizes == [1]
        else f"Mean over seeds (n = {n}) and its 95 % interval (Student t)."
    )
    missing = " Open mark: seeds are missing." if not all(whole for *_, whole in points) else ""
    several = any(len(panel.curves) > 1 for panel in found)
    return interval + missing, "Marks at one value stand a little aside of one another." if several else ""
