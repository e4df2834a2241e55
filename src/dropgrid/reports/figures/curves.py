"""figure_curves.png: validation accuracy by epoch, a small panel a row, the baseline in each."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import BLUE, GREY, INK, VERMILLION, canvas, fitting, lines, place, style, wrap, write_text
from dropgrid.reports.table import Table
from dropgrid.store.ablation import Cell

ORDER = 50
CAPTION = "Validation accuracy by epoch"

WIDTH, MARGIN = 10.5, 0.3
PANEL_HEIGHT, GAP, AXIS = 1.35, 0.18, 0.34
COLUMN = "val/acc"
BURN_IN = 0.25
"""The share of training whose low accuracies may leave the panel below, so that the rest can be told apart."""

Curve = tuple[np.ndarray, np.ndarray]
"""Epochs (E,), and accuracies in percent (seeds, E)."""


def draw(table: Table) -> Figure | None:
    """Mean over seeds with the band from the lowest to the highest; None where no cell has a curve yet."""
    found = [(block, {row: curve(cells) for row, cells in block.rows.items()}) for block, _ in table.blocks]
    known = [each for _, curves in found for each in curves.values() if each is not None]
    if not known:
        return None
    with style():
        return compose(table, found, vertical(known))


def curve(cells: Sequence[Cell]) -> Curve | None:
    """The epochs that all of a row's cells with a curve have, and their accuracies."""
    columns = [column for cell in cells if (column := cell.curve(COLUMN))]
    epochs = sorted(set.intersection(*(set(column) for column in columns))) if columns else []
    if not epochs:
        return None
    return np.array(epochs), 100 * np.array([[column[epoch] for epoch in epochs] for column in columns])


def vertical(known: Sequence[Curve]) -> tuple[float, float]:
    """Common limits of the vertical axis."""
    late = [values[:, min(math.ceil(BURN_IN * len(epochs)), len(epochs) - 1) :] for epochs, values in known]
    low, high = min(np.nanmin(each) for each in late), max(np.nanmax(values) for _, values in known)
    air = 0.06 * (high - low) or 1.0
    return low - air, min(100.0, high + air)


def compose(table: Table, found: Sequence, limit: tuple[float, float]) -> Figure:
    """Title, panels in the order of the table, caption."""
    title = "Validation accuracy by epoch, %"
    caption = wrap(
        "Line: mean over seeds; band: from the lowest seed to the highest. Dashed: the baseline. "
        "Number: the last epoch's mean. The first epochs may lie below.",
        WIDTH - 2 * MARGIN,
        8,
    )
    left = MARGIN + 0.4
    across = columns(max(len(curves) for _, curves in found))
    wide = (WIDTH - MARGIN - left - GAP * (across - 1)) / across
    heads = [0.3 if block.factors else 0.0 for block, _ in found]
    deep = [math.ceil(len(curves) / across) * (PANEL_HEIGHT + 0.3) + AXIS for _, curves in found]
    top = MARGIN + 0.34
    figure = canvas(WIDTH, top + sum(heads) + sum(deep) + 0.17 * lines(caption) + 0.3)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    for (block, curves), head, depth in zip(found, heads, deep, strict=True):
        if block.factors:
            write_text(figure, MARGIN, top, block.label, fontsize=10, fontstyle="italic")
        reference = curves[table.ablation.baseline]
        for index, (row, own) in enumerate(curves.items()):
            down, right = divmod(index, across)
            axes = place(
                figure, left + right * (wide + GAP), top + head + 0.26 + down * (PANEL_HEIGHT + 0.3), wide, PANEL_HEIGHT
            )
            panel(axes, row, own, reference, baseline=row == table.ablation.baseline)
            axes.set_ylim(*limit)
            axes.tick_params(labelleft=right == 0, labelbottom=index + across >= len(curves))
        top += head + depth
    write_text(figure, MARGIN, top + 0.1, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def columns(count: int) -> int:
    """Four or three panels side by side, whichever leaves fewer places empty."""
    return min(max(count, 2), 4) if count <= 4 else min((4, 3), key=lambda across: -count % across)


def panel(axes: Axes, row: str, own: Curve | None, reference: Curve | None, baseline: bool) -> None:
    """One row's curve before the baseline's."""
    name, size = fitting(row, axes.get_window_extent().width / axes.figure.dpi)
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
