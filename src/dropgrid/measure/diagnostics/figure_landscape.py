"""The figure of `landscape`: slices of the loss around the weights."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.measure.snapshots import Results, flatten_snapshots
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_series
from dropgrid.plotting.style import INK, make_square, place_beside
from dropgrid.plotting.value_axes import log_axis

ACROSS = 3
"""Planes side by side."""

LEVELS, BAR = 15, 0.12
"""Contours of a plane; the width of its colour bar, and of the gap before it, in inches."""

CONTOURS = "Contours: log₁₀ of the loss, the same levels in all planes; darker is lower."

EXPLANATION = (
    "Loss on the batch where the weights are moved by α d₁ + β d₂: random directions, each filter as long as the "
    "weights' own, so that α = 1 is as far as the weights are large (Li et al. 2018). The cross is where the weights "
    "are. Norms use the batch's statistics at every point."
)


def draw(results: Results) -> Figure | None:
    """Draw the lines in one panel, and the planes, if there are any, side by side with the same levels."""
    found = flatten_snapshots(results)

    def along_line(axes: Axes) -> None:
        for index, each in enumerate(found.values()):
            draw_series(axes, each["alphas"], each["line"], index)
        log_axis(axes, [each["line"] for each in found.values()])

    grid = [[Panel("Along one direction", "α", "Loss", along_line)]]
    planes = [(label, each) for label, each in found.items() if "plane" in each]
    if planes:
        known = np.concatenate([each["plane"].ravel() for _, each in planes])
        known = known[np.isfinite(known) & (known > 0)]
        low, high = np.log10(known.min()), np.log10(np.quantile(known, 0.98))
        levels = np.linspace(low, max(high, low + 0.05), LEVELS)
        panels = [Panel(label, "α", "β", plane_painter(each, levels)) for label, each in planes]
        rows = [panels[at : at + ACROSS] for at in range(0, len(panels), ACROSS)]
        grid += rows
    caption = f"{EXPLANATION} {CONTOURS}" if planes else EXPLANATION
    return panel_figure("The loss around the weights", [*found], grid, caption, 2.9)


def plane_painter(arrays: Mapping[str, np.ndarray], levels: np.ndarray) -> Callable[[Axes], None]:
    """Return the function that draws a plane, dark where the loss is low; values above the highest level stay pale."""

    def paint(axes: Axes) -> None:
        plane = np.where(np.isfinite(arrays["plane"]) & (arrays["plane"] > 0), arrays["plane"], 10 ** levels[-1])
        logs = np.log10(plane).clip(levels[0], levels[-1])
        shown = axes.contourf(arrays["alphas"], arrays["alphas"], logs, levels=levels, cmap="cividis")
        axes.contour(
            arrays["alphas"], arrays["alphas"], logs, levels=levels, colors="white", linewidths=0.4, linestyles="solid"
        )
        axes.plot(0, 0, "+", color="white", markersize=11, mew=2.6)
        axes.plot(0, 0, "+", color=INK, markersize=10, mew=1.2)
        make_square(axes)
        axes.grid(visible=False)
        bar = axes.figure.colorbar(shown, cax=place_beside(axes, BAR, air=BAR))
        bar.set_ticks([levels[0], levels[LEVELS // 2], levels[-1]])
        bar.set_ticklabels([f"{10 ** levels[at]:.2g}" for at in (0, LEVELS // 2, -1)])
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)

    return paint
