"""The loss against a rising learning rate, with the points that are read from it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flat
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
    """One panel, all configurations in it, named with their two points."""
    found = flat(results)

    def losses(axes: Axes) -> None:
        for index, each in enumerate(found.values()):
            colour, _, _ = look(index)
            axes.plot(each["rates"], each["loss"], color=colour, alpha=0.3, linewidth=0.8, zorder=2)
            draw_series(axes, each["rates"], each["smoothed"], index, marker="none")
        log_axis(axes, [each["rates"] for each in found.values()], "x")
        log_axis(axes, [each["loss"][: len(each["loss"]) - ended(each)] for each in found.values()])
        for index, each in enumerate(found.values()):
            draw_points(axes, each, look(index)[0])

    names = [f"{label}: {points_in_words(each)}" for label, each in found.items()]
    panel = Panel("Loss while the rate rises", "Learning rate", "Loss, nats", losses)
    return panel_figure("Learning-rate range test", names, [[panel]], EXPLANATION, 3.6)


def ended(arrays: Mapping[str, np.ndarray]) -> int:
    """How many of the last losses the axis need not hold: the one at which it diverged may be of any size."""
    return int(np.isfinite(float(arrays["diverges"])) and len(arrays["loss"]) > 1)


def points_in_words(arrays: Mapping[str, np.ndarray]) -> str:
    """The two points in words."""
    steepest, diverges = float(arrays["steepest"]), float(arrays["diverges"])
    falls = f"steepest at {steepest:.2g}" if np.isfinite(steepest) else "the loss never falls"
    ends = f"diverges at {diverges:.2g}" if np.isfinite(diverges) else f"no divergence up to {arrays['rates'][-1]:.2g}"
    return f"{falls}, {ends}"


def draw_points(axes: Axes, arrays: Mapping[str, np.ndarray], colour: str) -> None:
    """The marks of one configuration; the loss at its divergence, where it is no number, stands at the upper edge."""
    top = axes.get_ylim()[1]
    for key, mark, size in (("steepest", "o", 9), ("diverges", "X", 10)):
        rate = float(arrays[key])
        if np.isfinite(rate):
            loss = float(arrays["smoothed"][int(np.argmin(np.abs(arrays["rates"] - rate)))])
            loss = min(loss, top) if np.isfinite(loss) else top
            axes.plot(rate, loss, mark, color=colour, markersize=size, mec=INK, mew=0.8, zorder=5, clip_on=False)
