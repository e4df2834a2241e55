"""The figure of `gradient`: the loss along its gradient, as curves at one step, as bands over training."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dropgrid.measure.snapshots import Results
from dropgrid.plotting.layout import Panel, panel_figure
from dropgrid.plotting.series import draw_series
from dropgrid.plotting.style import look
from dropgrid.plotting.value_axes import log_axis

EXPLANATION = (
    "g is the gradient of the loss on the batch, η how far the weights go along -g. Predictiveness: how much the "
    "gradient has changed there, in its own units. Effective β-smoothness: that change per distance gone; a smoother "
    "landscape has less (Santurkar et al. 2018, Fig. 4)."
)

KEYS = {
    "loss": ("Loss along the gradient", "loss(w - ηg)"),
    "change": ("Gradient predictiveness", "‖g(w) - g(w - ηg)‖"),
    "smoothness": ("Effective β-smoothness", "change / (η‖g‖)"),
}


def draw(results: Results) -> Figure | None:
    """Draw three panels: over η if each configuration has one snapshot, else over training."""
    over = any(len(moments) > 1 for moments in results.values())
    panels = [
        Panel(title, "Step of training" if over else "η", up, panel_painter(results, key, over))
        for key, (title, up) in KEYS.items()
    ]
    if not over:
        return panel_figure("Along the gradient", [*results], [panels], EXPLANATION)
    bands = (
        "Bands: from the lowest to the highest over the η of each moment; lines: their middle, of smoothness the top."
    )
    return panel_figure("Along the gradient, over training", [*results], [panels], f"{EXPLANATION} {bands}")


def panel_painter(results: Results, key: str, over: bool) -> Callable[[Axes], None]:
    """Return the function that draws a panel."""

    def along(axes: Axes) -> None:
        steps = [moments[-1].arrays["steps"] for moments in results.values()]
        low, high = min(float(each[0]) for each in steps), max(float(each[-1]) for each in steps)
        start = low / 1.6 if key == "loss" else low
        for index, (moments, at) in enumerate(zip(results.values(), steps, strict=True)):
            across = np.concatenate([[start], at]) if key == "loss" else at
            draw_series(axes, across, moments[-1].arrays[key], index)
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        ticks = [low, (low * high) ** 0.5, high]
        zero = [start] if key == "loss" else []
        axes.set_xticks([*zero, *ticks], [*("0" for _ in zero), *(f"{each:.2g}" for each in ticks)])
        axes.set_xlim(start / 1.15, high * 1.15)
        if differ_tenfold(values_of(results, key)):
            log_axis(axes, values_of(results, key))

    def bands(axes: Axes) -> None:
        for index, moments in enumerate(results.values()):
            low, high = (
                np.array([end(finite_or_nan(each.arrays[key])) for each in moments]) for end in (np.min, np.max)
            )
            at = [each.step for each in moments]
            colour, _, _ = look(index)
            axes.fill_between(at, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
            draw_series(axes, at, high if key == "smoothness" else (low + high) / 2, index, marker=None)
        log_axis(axes, values_of(results, key))

    return bands if over else along


def values_of(results: Results, key: str) -> list[np.ndarray]:
    """Return the arrays of all snapshots under a key."""
    return [each.arrays[key] for moments in results.values() for each in moments]


def differ_tenfold(values: Sequence[np.ndarray]) -> bool:
    """Predicate: the largest value is more than ten times the smallest above 0."""
    flat = np.concatenate(values)
    flat = flat[np.isfinite(flat) & (flat > 0)]
    return len(flat) > 0 and bool(flat.max() > 10 * flat.min())


def finite_or_nan(values: np.ndarray) -> np.ndarray:
    """Return the finite values; a single nan if there are none."""
    known = values[np.isfinite(values)]
    return known if len(known) else np.array([np.nan])
