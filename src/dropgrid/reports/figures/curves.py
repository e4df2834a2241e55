"""figure_curves.png: the selected validation metric by epoch, one small panel per row, the baseline in each."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layout import FigureSection, assemble_figure, small_columns
from dropgrid.plotting.style import BLUE, GREY, INK, MARGIN, VERMILLION, WIDTH, axes_size, place_axes
from dropgrid.plotting.text import fit_name
from dropgrid.reports.table import Table
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell

ORDER = 50
CAPTION = "{selected} by epoch"

HEIGHT, GAP, NAME, NUMBERS, AXIS = 1.35, 0.18, 0.26, 0.4, 0.38
"""Inches: a panel, the gap between two, a row's name, the numbers at the left, the lowest axis."""

EXPLANATION = (
    "Line: mean over seeds; band: from the lowest seed to the highest. Dashed: the baseline. "
    "Number: the last epoch's mean. The first epochs may lie below."
)
LEFT_OUT = "Of {rows} rows {shown} have a panel: the baseline and the first."
PANELS = 60
"""At most, in a block: nobody reads more, and the time to draw them is most of a large report's."""

BURN_IN = 0.25
"""The share of training whose low values may be cut off below, so that later differences are visible."""

Curve = tuple[np.ndarray, np.ndarray]
"""Epochs (E,), and the metric in percent (seeds, E)."""


def draw(table: Table) -> Figure | None:
    """Draw the mean over seeds with a band from the lowest to the highest; None if no cell has a curve yet."""
    task = table.ablation.task
    found = [
        (
            block,
            {row: seed_curves(block.rows[row], task.selected) for row in shown_rows(block, table.ablation.baseline)},
        )
        for block, _ in table.blocks
    ]
    known = [each for _, curves in found for each in curves.values() if each is not None]
    if not known:
        return None
    limit = common_limits(known)
    across = small_columns(max(len(curves) for _, curves in found))
    sections = [
        curve_panels(block.label, curves, table.ablation.baseline, across=across, limit=limit)
        for block, curves in found
    ]
    rows = max(len(block.rows) for block, _ in found)
    left_out = " " + LEFT_OUT.format(rows=rows, shown=PANELS) if rows > PANELS else ""
    return assemble_figure(f"{task.title(task.selected)} by epoch, {task.unit}", sections, EXPLANATION + left_out)


def shown_rows(block: Block, baseline: str) -> list[str]:
    """Return the rows that have a panel: the first, and the baseline wherever it stands."""
    rows = list(block.rows)
    first = rows[:PANELS]
    return first if baseline in first else [baseline, *first[:-1]]


def seed_curves(cells: Sequence[Cell], metric: str) -> Curve | None:
    """Return the epochs that all of a row's cells with a curve have, and the metric there."""
    columns = [column for cell in cells if (column := cell.curve(metric))]
    epochs = sorted(set.intersection(*(set(column) for column in columns))) if columns else []
    if not epochs:
        return None
    return np.array(epochs), 100 * np.array([[column[epoch] for epoch in epochs] for column in columns])


def common_limits(known: Sequence[Curve]) -> tuple[float, float]:
    """Return common limits of the vertical axes."""
    late = [values[:, min(math.ceil(BURN_IN * len(epochs)), len(epochs) - 1) :] for epochs, values in known]
    low, high = min(np.nanmin(each) for each in late), max(np.nanmax(values) for _, values in known)
    air = 0.06 * (high - low) or 1.0
    return low - air, min(100.0, high + air)


def curve_panels(
    label: str, curves: Mapping[str, Curve | None], baseline: str, *, across: int, limit: tuple[float, float]
) -> FigureSection:
    """Return a block's panels in the order of the table; their axes are common, so only the outer ones have numbers."""
    left = MARGIN + NUMBERS
    wide = (WIDTH - MARGIN - left - GAP * (across - 1)) / across
    deep = NAME + HEIGHT

    def paint(figure: Figure, top: float) -> None:
        for index, (row, own) in enumerate(curves.items()):
            down, right = divmod(index, across)
            axes = place_axes(figure, left + right * (wide + GAP), top + down * deep + NAME, wide, HEIGHT)
            draw_curve(axes, row, own, curves[baseline], baseline=row == baseline)
            axes.set_ylim(*limit)
            axes.tick_params(labelleft=right == 0, labelbottom=index + across >= len(curves))

    return FigureSection(label, math.ceil(len(curves) / across) * deep + AXIS, paint)


def draw_curve(axes: Axes, row: str, own: Curve | None, reference: Curve | None, baseline: bool) -> None:
    """Draw one row's curve in front of the baseline's."""
    name, size = fit_name(row, axes_size(axes)[0] - 0.05, bold=baseline)
    axes.set_title(name, fontsize=size, color=INK, loc="left", pad=4, fontweight="bold" if baseline else "normal")
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.locator_params(axis="y", nbins=5)
    if reference is not None and not baseline:
        axes.plot(reference[0], reference[1].mean(0), color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    if own is None:
        axes.text(0.5, 0.5, "no epoch yet", transform=axes.transAxes, ha="center", color=GREY, fontsize=8)
        return
    epochs, values = own
    colour = BLUE if baseline else VERMILLION
    axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.18, linewidth=0)
    axes.plot(
        epochs, values.mean(0), color=colour, linewidth=1.6, marker="o" if len(epochs) == 1 else None, markersize=3
    )
    last = f"{values[:, -1].mean():.1f}"
    axes.text(0.98, 0.06, last, transform=axes.transAxes, ha="right", color=colour, fontsize=8.5, fontweight="bold")
