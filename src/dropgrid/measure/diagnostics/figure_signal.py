"""The signal by depth, forward and backward, and the units that pass none."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flat
from dropgrid.plotting.layout import Panel, curve, powers, sheet
from dropgrid.plotting.style import look

TOLD = (
    "Depth 0 is the images, each further depth what the next convolution or linear layer is given, in the order of a "
    "forward pass; the last is the logits. Forward: √(mean x²) over the batch; backward: ‖∂loss/∂x‖. A level line "
    "keeps the signal, a straight slope loses (or gains) the same factor in each layer. Norms use the batch's "
    "statistics, and nothing drops."
)


def draw(results: Results) -> Figure | None:
    """Forward and backward by depth; below, units without signal, and the spread of gradients, where there are any."""
    found = flat(results)
    arrays = [*found.values()]

    def by_depth(key: str) -> Panel:
        title, up = {
            "activation": ("Forward: the signal", "rms"),
            "gradient": ("Backward: its gradient", "norm of gradient"),
            "weight_gradient": ("The weights' gradient", "norm of gradient"),
        }[key]

        def fill(axes: Axes) -> None:
            for index, each in enumerate(arrays):
                curve(axes, np.arange(len(each[key])) + (key == "weight_gradient"), each[key], index)
            powers(axes, [each[key] for each in arrays])
            axes.locator_params(axis="x", nbins=8, integer=True)

        return Panel(title, "Depth" if key != "weight_gradient" else "Weight layer", up, fill)

    grid = [[by_depth(key) for key in ("activation", "gradient", "weight_gradient")]]
    below = []
    for key, title in (("dead", "Dead ReLU units"), ("saturated", "Saturated tanh or sigmoid")):
        if any(key in each and each[key].any() for each in arrays):
            below.append(units(arrays, key, title))
    told = TOLD
    if len({inverse_widths(each) for each in arrays if len(each["widths"]) > 2}) > 1:
        below.append(spread(arrays))
        told += (
            " Spread: standard deviation of ln ‖∂loss/∂x‖ over the depths between images and logits, against Σ 1/width "
            "of the hidden layers."
        )
    if any("dead" in each for each in arrays):
        none = "" if any(each.get("dead", np.zeros(1)).any() for each in arrays) else "; here none is"
        told += f" A ReLU unit is dead where it gives 0 for every image of the batch, at every place{none}."
    if any("saturated" in each for each in arrays):
        told += " An activation is saturated in the outermost part of its range."
    if below:
        grid.append(below)
    return sheet("What reaches each layer, forward and backward", [*found], grid, told, 2.7)


def units(arrays: Sequence[Mapping[str, np.ndarray]], key: str, title: str) -> Panel:
    """Shares by layer, in percent."""

    def fill(axes: Axes) -> None:
        for index, each in enumerate(arrays):
            if key in each:
                curve(axes, np.arange(1, len(each[key]) + 1), 100 * each[key], index)
        top = max(float(each[key].max()) for each in arrays if key in each)
        axes.set_ylim(-4 * max(top, 0.05), 104 * max(top, 0.05))
        axes.locator_params(axis="x", nbins=8, integer=True)

    return Panel(title, "Activation, from input to output", "%", fill)


def spread(arrays: Sequence[Mapping[str, np.ndarray]]) -> Panel:
    """A mark a configuration."""

    def fill(axes: Axes) -> None:
        tops = [0.0, 0.0]
        for index, each in enumerate(arrays):
            between = each["gradient"][1:-1]
            if len(between) > 1 and (between > 0).all():
                colour, marker, _ = look(index)
                at = inverse_widths(each), float(np.log(between).std())
                axes.plot(*at, marker, color=colour, markersize=8, mfc="none", mew=1.8, zorder=3)
                tops = [max(top, value) for top, value in zip(tops, at, strict=True)]
        axes.set_xlim(0, 1.15 * tops[0] or 1)
        axes.set_ylim(0, 1.15 * tops[1] or 1)

    return Panel("Spread of gradients over depth", "Σ 1/width of hidden layers", "std of ln gradient", fill)


def inverse_widths(arrays: Mapping[str, np.ndarray]) -> float:
    """Σ 1/width of the hidden layers."""
    return float((1 / arrays["widths"][:-1]).sum())
