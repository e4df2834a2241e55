"""figure.png: every row's accuracy, seed by seed, and its paired difference to the baseline."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import (
    BAND,
    BLUE,
    GREY,
    INK,
    VERDICTS,
    canvas,
    heading,
    lines,
    place,
    style,
    wrap,
    write_text,
)
from dropgrid.reports.columns import difference, headline
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import Interval

ORDER = 10
STEM = "figure"
CAPTION = "Accuracy of every row, and its difference to the baseline, paired by seed"

WIDTH, MARGIN, LINE = 10.5, 0.3, 0.38
NAMES, GAP, NUMBERS = (1.5, 2.8), 0.26, 1.7
"""Inches: the figure, its margin, a row; the names at least and at most, the gap between panels, the numbers."""

RAISED = 0.12
"""How far above the middle of its line a mean stands; the seeds' dots are below."""


def draw(table: Table) -> Figure | None:
    """Left: each seed a dot, the mean with its 95 % interval. Right: the same of the difference, paired by seed."""
    if not any(row.accuracies for row in table.rows):
        return None
    with style():
        return compose(table)


def compose(table: Table) -> Figure:
    """Lay out title, one pair of panels a block, and caption."""
    title = heading(table.question, WIDTH - 2 * MARGIN)
    caption = wrap(explanation(table), WIDTH - 2 * MARGIN, 8)
    top = MARGIN + 0.24 * lines(title) + 0.2
    heights = [(0.62 if block.factors else 0.34) + LINE * len(rows) + 0.34 for block, rows in table.blocks]
    figure = canvas(WIDTH, top + sum(heights) + 0.17 * lines(caption) + 0.28)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold", linespacing=1.25)
    intervals = [row.sample.ci95 for row in table.rows]
    accuracies = percent(limits([row.accuracies.values() for row in table.rows], intervals))
    differences = limits(
        [row.differences.values() for row in table.rows],
        [each.ci95 for row in table.rows for each in (row.difference, row.comparison) if each],
        around=0,
    )
    names = min(max(NAMES[0], max(len(row.name) for row in table.rows) * 0.56 * 9 / 72), NAMES[1])
    left = MARGIN + names + 0.15
    panel = (WIDTH - MARGIN - NUMBERS - GAP - left) / 2
    for (block, rows), height in zip(table.blocks, heights, strict=True):
        head = top
        if block.factors:
            write_text(figure, MARGIN, head, block.label, fontsize=10, fontstyle="italic")
            head += 0.28
        for offset, text in ((0, f"{headline(table)}, %"), (panel + GAP, "Difference to baseline, points")):
            write_text(figure, left + offset, head, text, fontsize=9, fontweight="bold")
        body = LINE * len(rows)
        one = place(figure, left, head + 0.26, panel, body)
        other = place(figure, left + panel + GAP, head + 0.26, panel, body)
        for axes, limit in ((one, accuracies), (other, differences)):
            frame(axes, len(rows), limit)
        name_rows(one, rows, names)
        for position, row in enumerate(rows):
            draw_accuracy(one, position, row)
            draw_difference(other, position, row)
        other.axvline(0, color=INK, linewidth=0.9, zorder=1)
        reference = next(row.sample.mean for row in rows if row.baseline)
        if reference is not None:
            one.axvline(reference, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
        top += height
    write_text(figure, MARGIN, top + 0.06, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def limits(values: Sequence, intervals: Sequence[Interval | None], around: float | None = None) -> Interval:
    """A range that holds all values and intervals, with a little air."""
    ends = [float(value) for group in values for value in group] + [end for each in intervals if each for end in each]
    ends += [] if around is None else [around]
    if not ends:
        return 0.0, 100.0
    low, high = min(ends), max(ends)
    air = 0.06 * (high - low) or 0.5
    return low - air, high + air


def percent(limit: Interval) -> Interval:
    """The range of a share's axis: an interval may leave 0 to 100, the axis need not follow it."""
    return max(limit[0], -2.0), min(limit[1], 102.0)


def frame(axes: Axes, count: int, limit: Interval) -> None:
    """An empty panel of `count` lines, every other one shaded."""
    axes.set_xlim(*limit)
    axes.set_ylim(count - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=6)
    for position in range(0, count, 2):
        axes.axhspan(position - 0.5, position + 0.5, color=BAND, linewidth=0, zorder=0)


def name_rows(axes: Axes, rows: Sequence[Row], width: float) -> None:
    """The rows' names at the left, the baseline's in bold, long ones in two lines."""
    axes.set_yticks(range(len(rows)), [shortened(row.name, width) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(color=INK, fontsize=9, fontweight="bold" if row.baseline else "normal", linespacing=1.0)
        if lines(label.get_text()) > 1:
            label.set_fontsize(7.5)


def shortened(name: str, width: float) -> str:
    """At most two lines of a name."""
    parts = wrap(name, width).split("\n")
    return "\n".join(parts[:2]) + ("…" if len(parts) > 2 else "")


def look(row: Row) -> tuple[str, str]:
    """Colour and marker: the verdict's, or the baseline's own."""
    return (BLUE, "D") if row.baseline else VERDICTS[row.verdict]


def draw_accuracy(axes: Axes, position: int, row: Row) -> None:
    """Seeds as dots, mean with its interval; a row without an interval has a hollow mark."""
    scatter(axes, position, list(row.accuracies.values()), look(row)[0])
    if row.sample.mean is not None:
        mark(axes, position, row.sample.mean, row.sample.ci95, look(row))


def draw_difference(axes: Axes, position: int, row: Row) -> None:
    """The same of the difference, and in numbers at the right."""
    text = difference(row) if row.baseline or row.differences else f"({row.withheld})"
    colour = GREY if row.baseline or row.withheld else look(row)[0]
    if row.difference is not None and row.difference.mean is not None:
        scatter(axes, position, list(row.differences.values()), look(row)[0])
        mark(axes, position, row.difference.mean, row.difference.ci95, look(row))
    if row.comparison is not None:
        line = (position - RAISED, position - RAISED)
        axes.plot(row.comparison.ci95, line, color=look(row)[0], linewidth=0.9, marker="|", markersize=4, zorder=2)
    axes.annotate(
        text, (1, position), (8, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=8.5, color=colour,
    )  # fmt: skip


def scatter(axes: Axes, position: int, values: Sequence[float], colour: str) -> None:
    """A faint dot a seed under the mean, spread a little so that equal ones are seen."""
    spread = np.linspace(0.16, 0.34, len(values)) if len(values) > 1 else np.full(len(values), 0.25)
    axes.scatter(values, position + spread, s=12, color=colour, alpha=0.4, linewidths=0, zorder=2)


def mark(axes: Axes, position: float, mean: float, interval: Interval | None, look: tuple[str, str]) -> None:
    """A mean, and its interval as a bar."""
    colour, marker = look
    position -= RAISED
    if interval is not None:
        axes.plot(interval, (position, position), color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    face = colour if interval is not None else "white"
    axes.plot(mean, position, marker, markersize=6.5, color=colour, markerfacecolor=face, markeredgewidth=1.1, zorder=4)


def explanation(table: Table) -> str:
    """The caption: what the marks are and what the intervals cover."""
    sizes = sorted({row.planned for row in table.rows})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    if sizes[-1] == 1:
        return "One seed a row: no intervals. ◆ and dotted line: the baseline."
    once = "● no verdict, "
    if any(row.comparison for row in table.rows):
        once = "Thin lines: the 95 % interval for all rows at once; ▲ ▼ it lies above or below 0, ● it does not, "
    return (
        f"Dots: single seeds (n = {n}). Bars: mean and its 95 % interval (Student t), differences paired by seed. "
        f"{once}○ no interval; ◆ and dotted line: the baseline. Bars cover the randomness of training alone."
    )
