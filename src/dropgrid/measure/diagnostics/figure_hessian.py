"""The figure of `hessian`: the density of eigenvalues, and the lowest and highest."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.measure.spectrum_density import density, density_places
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.style import INK, look

WIDTH = 0.012
"""The kernel's width, as a share of the axis."""

EXPLANATION = (
    "Eigenvalues λ of the Hessian of the loss on the batch. Left: their density by stochastic Lanczos quadrature, each "
    f"node a kernel of {100 * WIDTH:g} % of the axis; most lie at 0, and the vertical axis is "
    "logarithmic, so that single ones are seen. Right: the two ends. Left of the line the loss curves down. Gradient "
    "descent at a learning rate above 2/λ_max leaves the valley along that direction."
)


def draw(results: Results) -> Figure | None:
    """Draw the density left, and the two ends right."""
    found = flatten_snapshots(results)
    arrays = [*found.values()]
    at = density_places([float(each["values"][side]) for each in arrays for side in (0, -1)], 0.06)

    def densities(axes: Axes) -> None:
        width = WIDTH * float(at[-1] - at[0])
        for index, each in enumerate(arrays):
            colour, _, dash = look(index)
            height = density(each["values"], each["weights"], at, width)
            shown = np.where(height > density_floor(each, width), height, np.nan)
            axes.plot(at, shown, color=colour, linestyle=dash, linewidth=1.4, zorder=3)
            axes.fill_between(at, 1e-300, shown, color=colour, alpha=0.12, linewidth=0)
        axes.set_yscale("log")
        axes.set_ylim(min(density_floor(each, width) for each in arrays), 3 / width)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        axes.set_xlim(at[0], at[-1])

    def ends(axes: Axes) -> None:
        for index, each in enumerate(arrays):
            colour, marker, _ = look(index)
            low, high = float(each["values"][0]), float(each["values"][-1])
            axes.plot([low, high], [-index] * 2, color=colour, linewidth=1.2, zorder=3)
            axes.plot([low, high], [-index] * 2, marker, color=colour, markersize=7, mec="white", zorder=4)
            axes.annotate(
                f"{high:.3g}", (high, -index), (7, 0), textcoords="offset points", va="center", fontsize=8, color=INK
            )
            axes.annotate(
                f"{low:.2g}", (low, -index), (-7, 0), textcoords="offset points", va="center", ha="right", fontsize=8
            )
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        axes.set_ylim(-len(arrays) + 0.4, 0.6)
        axes.set_yticks([])
        span = at[-1] - at[0]
        axes.set_xlim(at[0] - 0.06 * span, at[-1] + 0.06 * span)

    left = Panel("Density of eigenvalues", "λ", "Density", densities)
    right = Panel("Lowest and highest", "λ", "", ends)
    return panel_figure("The Hessian: how the loss curves", [*found], [[left, right]], EXPLANATION)


def density_floor(arrays: Mapping[str, np.ndarray], width: float) -> float:
    """Return the density below which there is less than a single eigenvalue."""
    return 0.1 / (float(arrays["size"]) * width)
