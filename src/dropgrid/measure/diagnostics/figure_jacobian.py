"""The figure of `jacobian`: the spectrum of the input-output Jacobian."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.lanczos import weighted_quantile
from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.measure.spectrum_density import density, density_places
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.style import INK, look
from dropgrid.plotting.value_axes import log_axis

WIDTH = 0.05
"""The kernel's width, in decades."""

EXPLANATION = (
    "Singular values σ of the Jacobian of the batch's output by its images. Left: their density on a logarithmic axis "
    f"(kernel of {WIDTH:g} decades). Right: from the median (mark) to the highest; beside it σ_max / σ_median. All "
    "σ = 1, the line, is dynamical isometry: no direction of the images is lost or blown up. σ = 0, which a ReLU net "
    "may have, is not drawn."
)


def draw(results: Results) -> Figure | None:
    """Draw the density left, median and highest right; None if all singular values are 0."""
    found = {label: each for label, each in flatten_snapshots(results).items() if each["values"][-1] > 0}
    if not found:
        return None
    arrays = [*found.values()]
    above = [each["values"] > 1e-7 * each["values"][-1] for each in arrays]
    logs = [np.log10(each["values"][keep]) for each, keep in zip(arrays, above, strict=True)]
    # a stray σ near 0 would take all the room
    low = min(max(float(each[0]), float(each[-1]) - 6) for each in logs)
    at = density_places([low, max(float(each[-1]) for each in logs)], 0.08)

    def densities(axes: Axes) -> None:
        for index, (each, keep, log) in enumerate(zip(arrays, above, logs, strict=True)):
            colour, _, dash = look(index)
            height = density(log, each["weights"][keep], at, WIDTH)
            axes.plot(10**at, height, color=colour, linestyle=dash, linewidth=1.5, zorder=3)
            axes.fill_between(10**at, 0, height, color=colour, alpha=0.12, linewidth=0)
        log_axis(axes, [10**at], "x")
        axes.set_xlim(10 ** at[0], 10 ** at[-1])
        axes.axvline(1, color=INK, linewidth=0.9, zorder=1)
        axes.set_ylim(bottom=0)

    def ends(axes: Axes) -> None:
        for index, each in enumerate(arrays):
            colour, marker, _ = look(index)
            top, middle = float(each["values"][-1]), weighted_quantile(each["values"], each["weights"], 0.5)
            y = -index
            if middle > 0:
                axes.plot([middle, top], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
                axes.plot(middle, y, marker, color=colour, markersize=7, mec="white", zorder=4)
            axes.plot(top, y, "|", color=colour, markersize=12, mew=2.2, zorder=4)
            ratio = f"{top / middle:.3g}" if middle > 0 else "median 0"
            axes.annotate(ratio, (top, y), (7, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK)
        log_axis(axes, [10**at], "x")
        axes.set_xlim(10 ** at[0], 10 ** (at[-1] + 0.12 * (at[-1] - at[0])))
        axes.axvline(1, color=INK, linewidth=0.9, zorder=1)
        axes.set_ylim(-len(arrays) + 0.4, 0.6)
        axes.set_yticks([])

    panels = [
        Panel("Density of singular values", "σ", "Density per decade", densities),
        Panel("From σ_median to σ_max, and their ratio", "σ", "", ends),
    ]
    return panel_figure("Singular values of the input-output Jacobian", [*found], [panels], EXPLANATION)
