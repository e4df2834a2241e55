"""The weights' size by depth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flat
from dropgrid.plotting.layout import Panel, curve, powers, sheet

TOLD = (
    "Convolutions and linear layers in the network's order, the last the classifier. σ_w² = fan_in · mean W² is what "
    "initializers fix: 1 is LeCun's, 2 is He's with fan_in."
)


def draw(results: Results) -> Figure | None:
    """Norms left, σ_w² right."""
    found = flat(results)
    arrays = [*found.values()]

    def by_layer(key: str) -> Panel:
        def fill(axes: Axes) -> None:
            for index, each in enumerate(arrays):
                curve(axes, np.arange(1, len(each[key]) + 1), each[key], index)
            powers(axes, [each[key] for each in arrays])
            axes.locator_params(axis="x", nbins=10, integer=True)

        title, up = {"norms": ("Norm", "‖W‖"), "sigma2": ("Variance for its fan-in", "σ_w²")}[key]
        return Panel(title, "Weight layer", up, fill)

    return sheet("Weights by depth", [*found], [[by_layer("norms"), by_layer("sigma2")]], TOLD)
