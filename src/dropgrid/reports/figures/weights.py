"""figure_weights.png: histogram of the weights, their norm and effective learning rate by layer, one line per row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layer_lines import LayerLine, describe_bands, draw_layer_lines, layer_line, log_layer_axis
from dropgrid.plotting.layout import Panel, assemble_figure, panel_rows
from dropgrid.plotting.style import look
from dropgrid.reports.evaluation_arrays import EvaluationArrays, arrays_by_seed, find_evaluation_arrays
from dropgrid.reports.table import Table

ORDER = 130
CAPTION = "Weights after training: how they are spread, norm and effective learning rate by layer"

OPTION = "weights"
HEIGHT = 2.9
"""Height of a panel, in inches."""

FAINTEST = 1e-6
"""The density below which the histogram is not drawn, as a share of the panel's highest."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Histogram:
    """A row's histogram: the share of weights per unit of w, mean over seeds, between edges (bins + 1,)."""

    name: str
    density: np.ndarray
    edges: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """The middles of the bins."""
        found: np.ndarray = (self.edges[:-1] + self.edges[1:]) / 2
        return found


@dataclass(frozen=True)
class BlockWeights:
    """The curves of a block; `rates` is empty if no layer has an effective learning rate."""

    measured: EvaluationArrays
    histograms: Sequence[Histogram]
    norms: Sequence[LayerLine]
    rates: Sequence[LayerLine]


def draw(table: Table) -> Figure | None:
    """Draw one line of panels per block; None if no cell was evaluated."""
    found = [each for block, rows in table.blocks if (each := find_evaluation_arrays(block, rows, OPTION)) is not None]
    if not found:
        return None
    shown = [block_weights(each) for each in found]
    names = list(dict.fromkeys(row.name for each in found for row, _ in each.rows))
    across = max(2 + bool(each.rates) for each in shown)
    sections = [panel_rows(weight_panels(each, names), HEIGHT, across, each.measured.block.label) for each in shown]
    return assemble_figure("Weights after training", sections, explanation(shown), names)


def block_weights(measured: EvaluationArrays) -> BlockWeights:
    """Return a block's rows, over their seeds."""
    arrays = [(row.name, arrays_by_seed(seeds)) for row, seeds in measured.rows]
    norms = [layer_line(name, [each["norms"] for each in seeds]) for name, seeds in arrays]
    rates = [
        layer_line(
            name, [each["effective"] for each in seeds], np.all([each["effective"] > 0 for each in seeds], axis=0)
        )
        for name, seeds in arrays
    ]
    histograms = [histogram(name, seeds) for name, seeds in arrays]
    return BlockWeights(measured, histograms, [each for each in norms if each], [each for each in rates if each])


def histogram(name: str, seeds: Sequence[Arrays]) -> Histogram:
    """Return the mean histogram of the seeds, whose bins are equal in units of each seed's rms; edges are means too."""
    shares = np.mean([each["counts"] / max(1, each["counts"].sum()) for each in seeds], axis=0)
    edges = np.mean([each["edges"] for each in seeds], axis=0)
    return Histogram(name, shares / np.diff(edges), edges)


def weight_panels(shown: BlockWeights, names: Sequence[str]) -> list[Panel]:
    """Return a block's panels."""
    layer = "Layer, in the network's order"
    made = [
        Panel("All weights, density", "w", "", lambda axes: draw_histograms(axes, shown.histograms, names)),
        Panel("Norm of a layer's weight", layer, "", lambda axes: draw_by_layer(axes, shown.norms, names)),
    ]
    if shown.rates:
        made.append(Panel("Effective learning rate", layer, "", lambda axes: draw_by_layer(axes, shown.rates, names)))
    return made


def draw_by_layer(axes: Axes, curves: Sequence[LayerLine], names: Sequence[str]) -> None:
    """Draw one line per row on a logarithmic axis."""
    draw_layer_lines(axes, curves, names)
    log_layer_axis(axes, curves)


def draw_histograms(axes: Axes, histograms: Sequence[Histogram], names: Sequence[str]) -> None:
    """Draw densities at the middles of their bins on a logarithmic axis, as wide as the weights of any row reach."""
    highest = max(float(each.density.max()) for each in histograms)
    for each in histograms:
        colour, _, dash = look(names.index(each.name))
        there = each.density > 0
        axes.plot(each.middles[there], each.density[there], color=colour, linestyle=dash, linewidth=1.3)
    reach = 1.05 * max(float(np.abs(each.middles[each.density > 0]).max()) for each in histograms)
    axes.set_xlim(-reach, reach)
    axes.set_yscale("log")
    lowest = min(float(each.density[each.density > 0].min()) for each in histograms)
    axes.set_ylim(max(lowest / 1.6, highest * FAINTEST), highest * 1.6)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(which="minor", axis="y", visible=False)


def explanation(found: Sequence[BlockWeights]) -> str:
    """Return the caption: what the panels show, which layers count, and what lines and bands are."""
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
        f"{rates}{more} {describe_bands([line for each in found for line in each.norms])}"
    )
