"""figure_weights.png: how weights are spread, and their norm and effective learning rate by layer; a line a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.legend import name_rows, named
from dropgrid.plotting.style import GREY, canvas, lines, look, place, style, wrap, write_text
from dropgrid.reports.evaluation_arrays import Left, every, left
from dropgrid.reports.figures.layer_plot import Curve, curve, fill, interval, logarithmic
from dropgrid.reports.table import Row, Table

ORDER = 130
CAPTION = "Weights after training: how they are spread, norm and effective learning rate by layer"

OPTION = "weights"
WIDTH, MARGIN, AXIS, GAP = 10.5, 0.3, 0.5, 0.2
HEIGHT, TITLE, BELOW = 2.9, 0.3, 0.66
"""Inches: a panel, its title, the horizontal axis with its name."""

FAINTEST = 1e-6
"""The density below which the histogram is not drawn, of the highest in the panel."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Spread:
    """A row's histogram: the share of weights per unit of w, mean over seeds, between edges (bins + 1,)."""

    row: Row
    density: np.ndarray
    edges: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """Of the bins."""
        found: np.ndarray = (self.edges[:-1] + self.edges[1:]) / 2
        return found


@dataclass(frozen=True)
class Sheet:
    """What is shown of a block; `rates` is empty where no layer has an effective learning rate."""

    measured: Left
    spreads: Sequence[Spread]
    norms: Sequence[Curve]
    rates: Sequence[Curve]


def draw(table: Table) -> Figure | None:
    """A line of panels a block; None where no cell was measured."""
    found = [each for block, rows in table.blocks if (each := left(block, rows, OPTION)) is not None]
    if not found:
        return None
    with style():
        return compose([sheet(each) for each in found])


def sheet(measured: Left) -> Sheet:
    """A block's rows over their seeds."""
    arrays = [(row, every(seeds)) for row, seeds in measured.rows]
    norms = [curve(row, [each["norms"] for each in seeds]) for row, seeds in arrays]
    rates = [
        curve(row, [each["effective"] for each in seeds], np.all([each["effective"] > 0 for each in seeds], axis=0))
        for row, seeds in arrays
    ]
    spreads = [spread(row, seeds) for row, seeds in arrays]
    return Sheet(measured, spreads, [each for each in norms if each], [each for each in rates if each])


def spread(row: Row, seeds: Sequence[Arrays]) -> Spread:
    """Shares in bins that are the same in units of each seed's rms, drawn at the mean of the seeds' edges."""
    shares = np.mean([each["counts"] / max(1, each["counts"].sum()) for each in seeds], axis=0)
    edges = np.mean([each["edges"] for each in seeds], axis=0)
    return Spread(row, shares / np.diff(edges), edges)


def compose(found: Sequence[Sheet]) -> Figure:
    """Title, the rows' names, a line of panels a block, caption."""
    names = list(dict.fromkeys(row.name for each in found for row, _ in each.measured.rows))
    across = 2 + any(each.rates for each in found)
    wide = (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across
    caption = wrap(explanation(found), WIDTH - 2 * MARGIN, 8)
    legend = named(names)
    depth = 0.22 * len(legend) + 0.15
    heads = [0.3 if each.measured.block.factors else 0.0 for each in found]
    top = MARGIN + 0.42
    deep = TITLE + HEIGHT + BELOW
    figure = canvas(WIDTH, top + depth + sum(heads) + deep * len(found) + 0.17 * lines(caption) + 0.2)
    write_text(figure, MARGIN, MARGIN, "Weights after training", fontsize=13, fontweight="bold")
    name_rows(figure, legend, names, top)
    top += depth
    for each, head in zip(found, heads, strict=True):
        if each.measured.block.factors:
            write_text(figure, MARGIN, top, each.measured.block.label, fontsize=10, fontstyle="italic")
        top += head
        for column, (title, across_axis, panel) in enumerate(panels(each, names)):
            at = MARGIN + AXIS + column * (wide + AXIS + GAP)
            write_text(figure, at, top, title, fontsize=9.5, fontweight="bold")
            axes = place(figure, at, top + TITLE, wide, HEIGHT)
            panel(axes)
            axes.set_xlabel(across_axis, fontsize=9)
        top += deep
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def panels(shown: Sheet, names: Sequence[str]) -> list[tuple[str, str, Callable[[Axes], None]]]:
    """A block's panels: title, what is on the horizontal axis, and what fills it."""
    layer = "Layer, in the network's order"
    made: list[tuple[str, str, Callable[[Axes], None]]] = [
        ("All weights, density", "w", lambda axes: histogram(axes, shown.spreads, names)),
        ("Norm of a layer's weight", layer, lambda axes: by_layer(axes, shown.norms, names)),
    ]
    if shown.rates:
        made.append(("Effective learning rate", layer, lambda axes: by_layer(axes, shown.rates, names)))
    return made


def by_layer(axes: Axes, curves: Sequence[Curve], names: Sequence[str]) -> None:
    """A line a row on a logarithmic axis."""
    fill(axes, curves, names)
    logarithmic(axes, curves)


def histogram(axes: Axes, spreads: Sequence[Spread], names: Sequence[str]) -> None:
    """Densities at the middles of their bins on a logarithmic axis, as wide as weights of any row reach."""
    highest = max(float(each.density.max()) for each in spreads)
    for each in spreads:
        colour, _, dash = look(names.index(each.row.name))
        there = each.density > 0
        axes.plot(each.middles[there], each.density[there], color=colour, linestyle=dash, linewidth=1.3)
    reach = 1.05 * max(float(np.abs(each.middles[each.density > 0]).max()) for each in spreads)
    axes.set_xlim(-reach, reach)
    axes.set_yscale("log")
    lowest = min(float(each.density[each.density > 0].min()) for each in spreads)
    axes.set_ylim(max(lowest / 1.6, highest * FAINTEST), highest * 1.6)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(which="minor", axis="y", visible=False)


def explanation(found: Sequence[Sheet]) -> str:
    """The caption: what the panels show, which layers count, and what lines and bands are."""
    more = f" Measured with {found[0].measured.arguments}." if found[0].measured.arguments else ""
    rates = (
        " The effective learning rate is lr / ‖w‖² (lr / ‖w‖ with power=1), lr the schedule's highest, of layers whose "
        "output goes straight into a norm: their length changes nothing else."
        if any(each.rates for each in found)
        else " No layer's output goes straight into a norm: none has an effective learning rate."
    )
    return (
        "Weights of convolutions and linear layers, without biases and gains. Left: share of the weights per unit of "
        "w, in bins of a tenth of their rms, mean over seeds; weights beyond 20 rms are not drawn."
        f"{rates}{more} {interval([curve for each in found for curve in each.norms])}"
    )
