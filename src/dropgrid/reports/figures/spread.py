"""figure_spread.png: validation accuracy by epoch, its mean and its standard deviation over seeds."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layout import Panel, curve, powers, sheet
from dropgrid.plotting.style import look
from dropgrid.reports.questions.seed_variance import accuracies, around, curves
from dropgrid.reports.table import Table
from dropgrid.store.ablation import Block

TOLD = (
    "Over the seeds of each row, after each epoch. Bands: 95 % intervals of the standard deviation (Bonett 2006), one "
    "row and epoch at a time."
)


def draw(table: Table) -> Figure | None:
    """Mean beside standard deviation, a line a row; None where nothing is asked for or no two cells have an epoch."""
    if not table.spreads:
        return None
    rows = list(dict.fromkeys(each.row for each in table.spreads))
    grid = [panels(block, rows) for block, _ in table.blocks]
    return sheet("Validation accuracy by epoch, and how much it varies over seeds", rows, grid, TOLD)


def panels(block: Block, rows: list[str]) -> list[Panel]:
    """The two of a block."""
    lines = {}
    for row in rows:
        read = curves(block.rows.get(row, ()))
        epochs = sorted({epoch + 1 for each in read for epoch in each})
        values = {epoch: accuracies(read, epoch) for epoch in epochs}
        lines[row] = {epoch: each for epoch, each in values.items() if len(each) > 1}

    def means(axes: Axes) -> None:
        for row, each in lines.items():
            curve(axes, [*each], [values.mean() for values in each.values()], rows.index(row))
        axes.locator_params(axis="x", integer=True)

    def deviations(axes: Axes) -> None:
        for row, each in lines.items():
            index = rows.index(row)
            curve(axes, [*each], [values.std(ddof=1) for values in each.values()], index)
            bands = [(epoch, *band) for epoch, values in each.items() if (band := around(values)) is not None]
            if bands:
                axes.fill_between(*np.transpose(bands), color=look(index)[0], alpha=0.15, linewidth=0)
        powers(axes, [[values.std(ddof=1) for values in each.values()] for each in lines.values() if each])
        axes.locator_params(axis="x", integer=True)

    of = f" ({block.label})" if block.factors else ""
    return [
        Panel(f"Mean{of}", "Epoch", "%", means),
        Panel(f"Standard deviation over seeds{of}", "Epoch", "points", deviations),
    ]
