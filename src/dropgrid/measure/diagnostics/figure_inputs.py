"""The figure of `inputs`: the inputs of one unit of a few layers over training, one row of panels per configuration."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, Snapshot
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_by_layer, draw_series
from dropgrid.plotting.style import look
from dropgrid.plotting.value_axes import log_axis

LAYERS = 3
"""Layers shown of each configuration: the first, the last, and one between."""

TITLES = {"drift_mean": "Drift of the moving means", "drift_variance": "Drift of the moving variances"}
UNITS = {"drift_mean": "σ", "drift_variance": "|ln ratio|"}

DRIFT = (
    "Drift: how far the moving averages of batch norms are from the batch's own statistics, mean over channels (and, "
    "over training, over norms): means in standard deviations, variances as |ln ratio|; where it is large, inference "
    "meets another network than training has."
)


def draw(results: Results) -> Figure | None:
    """Draw quantiles over training by layer, and the drift of batch norms if some keep moving averages.

    If every configuration has one snapshot, draw both by depth.
    """
    if all(len(moments) == 1 for moments in results.values()):
        return by_depth_figure({label: moments[0].arrays for label, moments in results.items()})
    rows = [quantile_panels(index, label, moments) for index, (label, moments) in enumerate(results.items())]
    drifting = {label: moments for label, moments in results.items() if "norms" in moments[0].arrays}
    grid = [*rows]
    first = next(iter(results.values()))[0].arrays
    shares = ", ".join(f"{100 * q:g}" for q in first["shares"])
    caption = (
        f"Quantiles ({shares} %) over the batch, and all places, of what one unit's activation is given, in the first, "
        "a middle and the last layer; a steady band is a steady input (Ioffe and Szegedy 2015, Fig. 1)."
    )
    if drifting:
        grid.append([drift_panel(results, "drift_mean"), drift_panel(results, "drift_variance")])
        caption += f" {DRIFT}"
    return panel_figure("What reaches one unit, over training", [*results], grid, caption, 2.1)


def by_depth_figure(found: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Return the figure of quantiles and drifts by depth."""
    arrays = [*found.values()]

    def bars(axes: Axes) -> None:
        for index, each in enumerate(arrays):
            colour, marker, _ = look(index)
            values = each["quantiles"]
            at = np.arange(1, len(values) + 1) + 0.5 * ((index + 1) / (len(arrays) + 1) - 0.5)
            axes.vlines(at, values.min(1), values.max(1), color=colour, linewidth=2.2, alpha=0.6)
            axes.plot(at, values[:, values.shape[1] // 2], marker, color=colour, markersize=5, mec="white", mew=0.5)
        axes.locator_params(axis="x", nbins=10, integer=True)

    def by_norm(key: str) -> Callable[[Axes], None]:
        def paint(axes: Axes) -> None:
            draw_by_layer(axes, [each.get(key) for each in arrays])
            log_axis(axes, [each[key] for each in arrays if key in each])

        return paint

    grid = [[Panel("Input of one unit", "Activation, from input to output", "Input", bars)]]
    shares = ", ".join(f"{100 * q:g}" for q in arrays[0]["shares"])
    caption = f"Bars: quantiles ({shares} %) over the batch, and all places, of what one unit of each layer is given. "
    if any("norms" in each for each in arrays):
        grid.append(
            [Panel(TITLES[key], "Batch norm, from input to output", UNITS[key], by_norm(key)) for key in TITLES]
        )
        caption += DRIFT
    return panel_figure("What reaches one unit of each layer", [*found], grid, caption.strip(), 2.4)


def quantile_panels(index: int, label: str, moments: Sequence[Snapshot]) -> list[Panel]:
    """Return up to three panels of one configuration."""
    names = [str(name) for name in moments[0].arrays["layers"]]
    chosen = sorted({0, (len(names) - 1) // 2, len(names) - 1})
    at = [each.step for each in moments]

    def layer_painter(layer: int) -> Callable[[Axes], None]:
        def paint(axes: Axes) -> None:
            values = np.array([each.arrays["quantiles"][layer] for each in moments])
            colour, marker, dash = look(index)
            if len(at) == 1:
                axes.plot(at * values.shape[1], values[0], marker, color=colour)
                return
            axes.fill_between(at, values.min(1), values.max(1), color=colour, alpha=0.13, linewidth=0)
            for column in range(values.shape[1]):
                middle = column == values.shape[1] // 2
                axes.plot(at, values[:, column], color=colour, linestyle=dash, linewidth=1.7 if middle else 0.9)

        return paint

    return [
        Panel(f"{label}: {names[layer]}", "Step of training", "Input" if place == 0 else "", layer_painter(layer))
        for place, layer in enumerate(chosen)
    ]


def drift_panel(results: Results, key: str) -> Panel:
    """Return the panel of a drift by step, mean over norms."""

    def paint(axes: Axes) -> None:
        drawn = []
        for index, moments in enumerate(results.values()):
            known = [(each.step, float(each.arrays[key].mean())) for each in moments if key in each.arrays]
            if known:
                draw_series(axes, [step for step, _ in known], [value for _, value in known], index)
                drawn.append(np.array([value for _, value in known]))
        log_axis(axes, drawn)

    return Panel(TITLES[key], "Step of training", UNITS[key], paint)
