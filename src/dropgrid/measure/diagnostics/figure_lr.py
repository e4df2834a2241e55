"""The figure of `lr`: the learning rate by step, on a linear and on a logarithmic axis."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_series
from dropgrid.plotting.value_axes import log_axis

EXPLANATION = (
    "The rate of each optimizer step, as the schedule says it: nothing was trained. On the right a rate of 0 is a gap."
)


def draw(results: Results) -> Figure | None:
    """Draw two panels with all configurations in each."""
    found = {label: arrays["rates"] for label, arrays in flatten_snapshots(results).items()}

    def rates(axes: Axes) -> None:
        for index, each in enumerate(found.values()):
            draw_series(axes, np.arange(len(each)), each, index, drawstyle="steps-post")

    def linear(axes: Axes) -> None:
        rates(axes)
        axes.set_ylim(0, 1.04 * max(float(each.max()) for each in found.values()))

    def logarithmic(axes: Axes) -> None:
        rates(axes)
        log_axis(axes, [*found.values()])

    panels = [
        Panel("Learning rate", "Step of training", "Learning rate", linear),
        Panel("Learning rate, logarithmic", "Step of training", "Learning rate", logarithmic),
    ]
    return panel_figure("The learning rate by step", [*found], [panels], EXPLANATION)
