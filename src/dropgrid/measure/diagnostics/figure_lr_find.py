"""The figure of `lr_find`: the loss against a rising learning rate, with the steepest point and the divergence."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_series
from dropgrid.plotting.style import INK, look
from dropgrid.plotting.value_axes import log_axis

EXPLANATION = (
    "A training from the initial weights whose rate rises with each step (Smith 2017): pale, the loss of each batch; "
    "line, smoothed over neighbours on both sides. Filled circle: where it falls fastest, at that rate or somewhat "
    "below it a training learns quickly; cross: where it diverges, which is where the test ended."
)


def draw(results: Results) -> Figure | None:
    """Draw one panel with all configurations, whose names state their two points."""
    found = flatten_snapshots(results)

    def losses(axes: Axes) -> None:
        for index, each in enumerate(found.values()):
            colour, _, _ = look(index)
            axes.plot(each["rates"], each["loss"], color=colour, alpha=0.3, linewidth=0.8, zorder=2)
            draw_series(axes, each["rates"], each["smoothed"], index, marker="none")
        log_axis(axes, [each["rates"] for each in found.values()], "x")
        log_axis(axes, [each["loss"][: len(each["loss"]) - count_diverged(each)] for each in found.values()])
        for index, each in enumerate(found.values()):
            draw_points(axes, each, look(index)[0])

    names = [f"{label}: {describe_points(each)}" for label, each in found.items()]
    panel = Panel("Loss while the rate rises", "Learning rate", "Loss, nats", losses)
    return panel_figure("Learning-rate range test", names, [[panel]], EXPLANATION, 3.6)


def count_diverged(arrays: Mapping[str, np.ndarray]) -> int:
    """Return how many of the last losses the axis may leave out: 1 if the test diverged there, else 0."""
    return int(np.isfinite(float(arrays["diverges"])) and len(arrays["loss"]) > 1)


def describe_points(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the two points in words."""
    steepest, diverges = float(arrays["steepest"]), float(arrays["diverges"])
    falls = f"steepest at {steepest:.2g}" if np.isfinite(steepest) else "the loss never falls"
    ends = f"diverges at {diverges:.2g}" if np.isfinite(diverges) else f"no divergence up to {arrays['rates'][-1]:.2g}"
    return f"{falls}, {ends}"


def draw_points(axes: Axes, arrays: Mapping[str, np.ndarray], colour: str) -> None:
    """Draw the two points of one configuration; a loss that is not finite is drawn at the upper edge."""
    top = axes.get_ylim()[1]
    for key, mark, size in (("steepest", "o", 9), ("diverges", "X", 10)):
        rate = float(arrays[key])
        if np.isfinite(rate):
            loss = float(arrays["smoothed"][int(np.argmin(np.abs(arrays["rates"] - rate)))])
            loss = min(loss, top) if np.isfinite(loss) else top
            axes.plot(rate, loss, mark, color=colour, markersize=size, mec=INK, mew=0.8, zorder=5, clip_on=False)
