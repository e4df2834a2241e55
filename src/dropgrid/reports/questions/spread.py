"""The spread of the selected metric over seeds, early and late in training, as `ablation.spread` asks.

spread: [1, 2, 4, 15]   # epochs after which it is compared
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.errors import UserError
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_series
from dropgrid.plotting.style import look
from dropgrid.plotting.value_axes import log_axis
from dropgrid.reports.columns import format_number
from dropgrid.reports.section import Section, factor_keys, format_with_interval
from dropgrid.reports.table import Table
from dropgrid.statistics.samples import Interval
from dropgrid.statistics.standard_deviations import FEWEST, std_interval, std_ratio
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell
from dropgrid.tasks.description import TaskDescription

ORDER = 60
JSON = "spreads"
CAPTION = "Mean and standard deviation over seeds of {of_selected}, by epoch"

FIGURE_NOTE = (
    "Over the seeds of each row, after each epoch. Bands: 95 % intervals of the standard deviation (Bonett 2006), one "
    "row and epoch at a time."
)


@dataclass(frozen=True)
class Spread:
    """A row after `epoch` epochs: mean and standard deviation over its `n` seeds in points, and its 95 % interval.

    `ratio` is the standard deviation over the baseline's at the same epoch, with its interval; None for the baseline.
    """

    row: str
    factors: Mapping[str, str]
    epoch: int
    n: int
    mean: float
    std: float
    ci95: Interval | None
    ratio: float | None
    ratio_ci95: Interval | None


def check(asked: Any, rows: Mapping[str, Any]) -> None:
    """Raise UserError if `ablation.spread` is no list of epochs."""
    if asked is None:
        return
    epochs = asked if isinstance(asked, Sequence) and not isinstance(asked, str) else []
    if not epochs or any(isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in epochs):
        raise UserError(f"ablation.spread is a list of epochs such as [1, 2, 4], each 1 or more, got {asked!r}")


def compute(table: Table) -> list[Spread]:
    """Return the spread of every row at every requested epoch that at least two of its finished cells have."""
    ablation = table.ablation
    asked = ablation.about.get("spread")
    check(asked, {})
    found = []
    for block in ablation.blocks:
        read = {row: read_curves(cells, ablation.task.selected) for row, cells in block.rows.items()} if asked else {}
        for epoch in asked or ():
            by_seed = {row: values_after(each, epoch) for row, each in read.items()}
            for row, found_after in by_seed.items():
                own = np.array([*found_after.values()])
                if len(own) < 2:
                    continue
                ratio, interval = None, None
                if row != ablation.baseline:
                    ratio, interval = paired_ratio(found_after, by_seed[ablation.baseline])
                std = float(own.std(ddof=1))
                mean = float(own.mean())
                found.append(Spread(row, block.factors, epoch, len(own), mean, std, std_interval(own), ratio, interval))
    return found


def paired_ratio(own: Mapping[int, float], reference: Mapping[int, float]) -> tuple[float | None, Interval | None]:
    """Return the ratio of two rows' standard deviations over the seeds that both have, and its interval."""
    both = sorted(own.keys() & reference.keys())
    if len(both) < 2:
        return None, None
    return std_ratio(*(np.array([values[seed] for seed in both]) for values in (own, reference)))


Curves = Mapping[int, Mapping[int, float]]
"""Seed -> epoch -> the selected metric of a cell, from its metrics.csv."""


def read_curves(cells: Sequence[Cell], metric: str) -> Curves:
    """Return the curves of the finished cells."""
    return {cell.seed: cell.curve(metric) for cell in cells if cell.status == "finished"}


def values_after(read: Curves, epoch: int) -> dict[int, float]:
    """Return seed -> value in percent after N epochs, of the curves that have it."""
    return {seed: 100 * curve[epoch - 1] for seed, curve in read.items() if curve.get(epoch - 1) is not None}


def section(table: Table, found: Sequence[Spread]) -> Section:
    """Return the table, one row and epoch per line."""
    factors = factor_keys([each.factors for each in found])
    values = [
        f"Mean, {table.ablation.task.unit}",
        "Standard deviation, points [95 % CI]",
        "Of the baseline’s, × [95 % CI]",
    ]
    lines = [["Row", *factors, "Epoch", "n", *values]]
    for each in found:
        where = [each.factors.get(key, "") for key in factors]
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else format_with_interval(each.ratio, each.ratio_ci95)
        texts = [format_number(each.mean), format_with_interval(each.std, each.ci95), ratio]
        lines.append([each.row, *where, str(each.epoch), str(each.n), *texts])
    return Section(
        "Spread over seeds",
        lines,
        1 + len(factors),
        f"Standard deviation over seeds of the {selected_title(table).lower()} after that many epochs, and its ratio "
        "to the baseline’s at the same epoch. Intervals are for one comparison at a time, of "
        f"{FEWEST} seeds or more: of a standard deviation Bonett’s (2006), of a ratio the jackknife’s, seed by seed. "
        "Values with long tails are covered less often than 95 %: a standard deviation of 10 to 40 seeds 87 to 92 %, a "
        "ratio 90 to 95 %, in simulations.",
    )


def figure(table: Table, found: Sequence[Spread]) -> Figure:
    """Draw mean beside standard deviation, one line per row."""
    rows = list(dict.fromkeys(each.row for each in found))
    grid = [spread_panels(block, rows, table.ablation.task) for block, _ in table.blocks]
    return panel_figure(f"{selected_title(table)} by epoch, and how much it varies over seeds", rows, grid, FIGURE_NOTE)


def selected_title(table: Table) -> str:
    """Return the title of the metric by which the best epoch is selected."""
    return table.ablation.task.title(table.ablation.task.selected)


def spread_panels(block: Block, rows: list[str], task: TaskDescription) -> list[Panel]:
    """Return the two panels of a block."""
    lines = {}
    for row in rows:
        read = read_curves(block.rows.get(row, ()), task.selected)
        epochs = sorted({epoch + 1 for each in read.values() for epoch in each})
        values = {epoch: np.array([*values_after(read, epoch).values()]) for epoch in epochs}
        lines[row] = {epoch: each for epoch, each in values.items() if len(each) > 1}

    def means(axes: Axes) -> None:
        for row, each in lines.items():
            draw_series(axes, [*each], [values.mean() for values in each.values()], rows.index(row))
        axes.locator_params(axis="x", integer=True)

    def deviations(axes: Axes) -> None:
        for row, each in lines.items():
            index = rows.index(row)
            draw_series(axes, [*each], [values.std(ddof=1) for values in each.values()], index)
            bands = [(epoch, *band) for epoch, values in each.items() if (band := std_interval(values)) is not None]
            if bands:
                axes.fill_between(*np.transpose(bands), color=look(index)[0], alpha=0.15, linewidth=0)
        log_axis(axes, [[values.std(ddof=1) for values in each.values()] for each in lines.values() if each])
        axes.locator_params(axis="x", integer=True)

    of = f" ({block.label})" if block.factors else ""
    return [
        Panel(f"Mean{of}", "Epoch", task.unit, means),
        Panel(f"Standard deviation over seeds{of}", "Epoch", "points", deviations),
    ]
