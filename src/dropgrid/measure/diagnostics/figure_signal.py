"""The figure of `signal`: the signal by depth, forward and backward, and dead or saturated units."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_by_layer
from dropgrid.plotting.style import look
from dropgrid.plotting.value_axes import log_axis

EXPLANATION = (
    "Depth 0 is the images, each further depth what the next convolution or linear layer is given, in the order of a "
    "forward pass; the last is the logits. Forward: √(mean x²) over the batch; backward: ‖∂loss/∂x‖. A level line "
    "keeps the signal, a straight slope loses (or gains) the same factor in each layer. Norms use the batch's "
    "statistics, and nothing drops."
)


def draw(results: Results) -> Figure | None:
    """Draw forward and backward by depth; below, dead or saturated units and the spread of gradients, if any."""
    found = flatten_snapshots(results)
    arrays = [*found.values()]

    def by_depth(key: str) -> Panel:
        title, up = {
            "activation": ("Forward: the signal", "rms"),
            "gradient": ("Backward: its gradient", "norm of gradient"),
            "weight_gradient": ("The weights' gradient", "norm of gradient"),
        }[key]

        def paint(axes: Axes) -> None:
            draw_by_layer(axes, [each[key] for each in arrays], first=int(key == "weight_gradient"))
            log_axis(axes, [each[key] for each in arrays])

        return Panel(title, "Depth" if key != "weight_gradient" else "Weight layer", up, paint)

    grid = [[by_depth(key) for key in ("activation", "gradient", "weight_gradient")]]
    below = []
    for key, title in (("dead", "Dead ReLU units"), ("saturated", "Saturated tanh or sigmoid")):
        if any(key in each and each[key].any() for each in arrays):
            below.append(share_panel(arrays, key, title))
    caption = EXPLANATION
    if len({inverse_widths(each) for each in arrays if len(each["widths"]) > 2}) > 1:
        below.append(spread_panel(arrays))
        caption += (
            " Spread: standard deviation of ln ‖∂loss/∂x‖ over the depths between images and logits, against Σ 1/width "
            "of the hidden layers."
        )
    if any("dead" in each for each in arrays):
        none = "" if any(each.get("dead", np.zeros(1)).any() for each in arrays) else "; here none is"
        caption += f" A ReLU unit is dead where it gives 0 for every image of the batch, at every place{none}."
    if any("saturated" in each for each in arrays):
        caption += " An activation is saturated in the outermost part of its range."
    if below:
        grid.append(below)
    return panel_figure("What reaches each layer, forward and backward", [*found], grid, caption, 2.7)


def share_panel(arrays: Sequence[Mapping[str, np.ndarray]], key: str, title: str) -> Panel:
    """Return the panel of shares by layer, in percent."""

    def paint(axes: Axes) -> None:
        draw_by_layer(axes, [100 * each[key] if key in each else None for each in arrays])
        top = max(float(each[key].max()) for each in arrays if key in each)
        axes.set_ylim(-4 * max(top, 0.05), 104 * max(top, 0.05))

    return Panel(title, "Activation, from input to output", "%", paint)


def spread_panel(arrays: Sequence[Mapping[str, np.ndarray]]) -> Panel:
    """Return the panel of the spread of gradients, one mark per configuration."""

    def paint(axes: Axes) -> None:
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

    return Panel("Spread of gradients over depth", "Σ 1/width of hidden layers", "std of ln gradient", paint)


def inverse_widths(arrays: Mapping[str, np.ndarray]) -> float:
    """Return Σ 1/width of the hidden layers."""
    return float((1 / arrays["widths"][:-1]).sum())
