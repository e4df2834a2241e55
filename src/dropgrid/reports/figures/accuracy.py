"""figure.png: every row's headline metric, seed by seed, and its paired difference to the baseline."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.interval_rows import (
    draw_bands,
    draw_mean,
    draw_number,
    draw_seeds,
    draw_simultaneous,
    numbers_width,
)
from dropgrid.plotting.layout import FigureSection, assemble_figure
from dropgrid.plotting.series import count_range
from dropgrid.plotting.style import BLUE, GREEN, GREY, INK, MARGIN, VERDICTS, VERMILLION, WIDTH, place_axes
from dropgrid.plotting.text import NAME, fit_lines, text_width, write_text
from dropgrid.plotting.value_axes import percent_limits, value_limits
from dropgrid.reports.columns import format_difference, headline_axis
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import EQUAL, Interval
from dropgrid.tasks.description import PERCENT

ORDER = 10
STEM = "figure"
CAPTION = "{quantity} of every row, and its difference to the baseline, paired by seed"

LINE, NAMES, GAP = 0.38, (1.0, 2.8), 0.26
"""Inches: height of a row, least and greatest width of the names, gap between panels."""

HEADING, AXIS = 0.26, 0.42
"""Inches: heading of a panel, its horizontal axis with the space below."""

NAME_LINES = 3
"""The most lines of a name."""


def draw(table: Table) -> Figure | None:
    """Draw left each seed as a dot and the mean with its 95 % interval, right the same of the paired difference."""
    if not any(row.accuracies for row in table.rows):
        return None
    sections = [block_section(table, block.label, rows) for block, rows in table.blocks]
    return assemble_figure(table.question, sections, explanation(table))


def block_section(table: Table, label: str, rows: Sequence[Row]) -> FigureSection:
    """Return a pair of panels with the rows' names at their left and numbers at their right."""
    accuracies, differences = limits_of_both(table)
    names = max(text_width(row.name, NAME, bold=row.baseline) for row in table.rows) + 0.05
    names = min(max(NAMES[0], names), NAMES[1])
    left, gap = MARGIN + names + 0.15, GAP
    numbers = numbers_width([difference_text(row) for row in table.rows])
    panel = (WIDTH - MARGIN - numbers - gap - left) / 2
    body = LINE * len(rows)

    def paint(figure: Figure, top: float) -> None:
        for offset, text in ((0, headline_axis(table)), (panel + gap, difference_axis(table))):
            write_text(figure, left + offset, top, text, fontsize=NAME, fontweight="bold")
        accuracy = place_axes(figure, left, top + HEADING, panel, body)
        paired = place_axes(figure, left + panel + gap, top + HEADING, panel, body)
        for axes, limit in ((accuracy, accuracies), (paired, differences)):
            draw_bands(axes, len(rows), limit)
        name_rows(accuracy, rows, names)
        for position, row in enumerate(rows):
            draw_accuracy(accuracy, position, row)
            draw_difference(paired, position, row)
        paired.axvline(0, color=INK, linewidth=0.9, zorder=1)
        reference = next(row.sample.mean for row in rows if row.baseline)
        if reference is not None:
            accuracy.axvline(reference, color=GREY, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)

    return FigureSection(label, HEADING + body + AXIS, paint)


def difference_axis(table: Table) -> str:
    """Return the title of the differences, with their unit."""
    return ", ".join(filter(None, ["Difference to baseline", table.ablation.task.difference_unit]))


def limits_of_both(table: Table) -> tuple[Interval, Interval]:
    """Return the limits of the accuracies and of the differences, common to all blocks."""
    intervals = [row.sample.ci95 for row in table.rows]
    accuracies = value_limits([row.accuracies.values() for row in table.rows], intervals)
    if table.ablation.task.unit == PERCENT:
        accuracies = percent_limits(accuracies)
    differences = value_limits(
        [row.differences.values() for row in table.rows],
        [each.ci95 for row in table.rows for each in (row.difference, row.comparison) if each],
        around=0,
    )
    return accuracies, differences


def name_rows(axes: Axes, rows: Sequence[Row], width: float) -> None:
    """Write the rows' names at the left, the baseline's in bold, long ones small and in several lines."""
    fitted = [fit_lines(row.name, width, NAME_LINES, bold=row.baseline) for row in rows]
    axes.set_yticks(range(len(rows)), [name for name, _ in fitted])
    for label, row, (_, size) in zip(axes.get_yticklabels(), rows, fitted, strict=True):
        label.set(color=INK, fontsize=size, fontweight="bold" if row.baseline else "normal", linespacing=1.0)


def row_look(row: Row) -> tuple[str, str]:
    """Return colour and marker: the verdict's, or the baseline's own."""
    colour, marker = (BLUE, "D") if row.baseline else VERDICTS[row.verdict]
    return {True: GREEN, False: VERMILLION, None: colour}[row.improves], marker


def draw_accuracy(axes: Axes, position: int, row: Row) -> None:
    """Draw seeds as dots and the mean with its interval; a row without an interval has a hollow mark."""
    draw_seeds(axes, position, list(row.accuracies.values()), row_look(row)[0])
    if row.sample.mean is not None:
        draw_mean(axes, position, row.sample.mean, row.sample.ci95, row_look(row))


def draw_difference(axes: Axes, position: int, row: Row) -> None:
    """Draw seeds, mean and interval of the difference, and write its numbers at the right."""
    colour = row_look(row)[0]
    if row.difference is not None and row.difference.mean is not None:
        draw_seeds(axes, position, list(row.differences.values()), colour)
        draw_mean(axes, position, row.difference.mean, row.difference.ci95, row_look(row))
    if row.comparison is not None:
        draw_simultaneous(axes, position, row.comparison.ci95, colour)
    draw_number(axes, position, difference_text(row), GREY if row.baseline or row.withheld else colour)


def difference_text(row: Row) -> str:
    """Return the difference in numbers, or why there is none."""
    return f"({row.withheld})" if row.withheld and not row.differences else format_difference(row)


def explanation(table: Table) -> str:
    """Return the caption: what the marks are and what the intervals cover."""
    sizes = {row.planned for row in table.rows}
    if sizes == {1}:
        return "One seed a row: no intervals. ◆ and dotted line: the baseline."
    once = "● no verdict, "
    if any(row.comparison for row in table.rows):
        equal = "■ equal within the margin, " if any(row.verdict == EQUAL for row in table.rows) else ""
        once = (
            f"Thin lines: the 95 % interval for all rows at once; ▲ ▼ it lies above or below 0, {equal}● it does not, "
        )
    paired = all(row.differences for row in table.rows if row.difference)
    how = "differences paired by seed" if paired else "differences paired by seed where seeds are the same"
    covered = "what differs from run to run" if table.ablation.foreign else "the randomness of training"
    return (
        f"Dots: single seeds (n = {count_range(sizes)}). Bars: mean and its 95 % interval (Student t), {how}. {once}"
        f"○ no interval; ◆ and dotted line: the baseline. Bars cover {covered} alone."
    )
