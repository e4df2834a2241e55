"""The figure of `weights_by_depth`."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_by_layer
from dropgrid.plotting.value_axes import log_axis

EXPLANATION = (
    "Convolutions and linear layers in the network's order, the last the classifier. σ_w² = fan_in · mean W² is what "
    "initializers fix: 1 is LeCun's, 2 is He's with fan_in."
)


def draw(results: Results) -> Figure | None:
    """Draw norms left, and σ_w² right."""
    found = flatten_snapshots(results)
    arrays = [*found.values()]

    def by_layer(key: str) -> Panel:
        def paint(axes: Axes) -> None:
            draw_by_layer(axes, [each[key] for each in arrays])
            log_axis(axes, [each[key] for each in arrays])

        title, up = {"norms": ("Norm", "‖W‖"), "sigma2": ("Variance for its fan-in", "σ_w²")}[key]
        return Panel(title, "Weight layer", up, paint)

    return panel_figure("Weights by depth", [*found], [[by_layer("norms"), by_layer("sigma2")]], EXPLANATION)
