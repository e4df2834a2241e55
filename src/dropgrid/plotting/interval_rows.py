"""A panel of rows below one another: seeds as dots, the mean as a mark, its interval as a bar."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from dropgrid.plotting.style import BAND
from dropgrid.plotting.text import text_width
from dropgrid.statistics.samples import Interval

RAISED = 0.12
"""How far above the middle of its line a mean stands; the seeds' dots are below."""

NUMBER, BESIDE = 8.5, 8.0
"""Points: a number at the right, and the air before it."""


def draw_bands(axes: Axes, count: int, limit: Interval) -> None:
    """Set up a panel of `count` lines, every other one shaded."""
    axes.set_xlim(*limit)
    axes.set_ylim(count - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=6)
    for position in range(0, count, 2):
        axes.axhspan(position - 0.5, position + 0.5, color=BAND, linewidth=0, zorder=0)


def draw_seeds(axes: Axes, position: int, values: Sequence[float], colour: str) -> None:
    """Draw a faint dot per seed under the mean, spread a little so that equal ones are visible."""
    spread = np.linspace(0.16, 0.34, len(values)) if len(values) > 1 else np.full(len(values), 0.25)
    axes.scatter(values, position + spread, s=12, color=colour, alpha=0.4, linewidths=0, zorder=2)


def draw_mean(axes: Axes, position: float, mean: float, interval: Interval | None, look: tuple[str, str]) -> None:
    """Draw a mean, and its interval as a bar; a mark without an interval is hollow."""
    colour, marker = look
    position -= RAISED
    if interval is not None:
        axes.plot(interval, (position, position), color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    face = colour if interval is not None else "white"
    axes.plot(mean, position, marker, markersize=6.5, color=colour, markerfacecolor=face, markeredgewidth=1.1, zorder=4)


def draw_simultaneous(axes: Axes, position: float, interval: Interval, colour: str) -> None:
    """Draw the simultaneous interval, thin."""
    at = (position - RAISED, position - RAISED)
    axes.plot(interval, at, color=colour, linewidth=0.9, marker="|", markersize=4, zorder=2)


def draw_number(axes: Axes, position: float, text: str, colour: str) -> None:
    """Write a row's numbers at the right of the panel."""
    axes.annotate(
        text, (1, position), (BESIDE, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=NUMBER, color=colour,
    )  # fmt: skip


def numbers_width(texts: Sequence[str]) -> float:
    """Return the width of the longest number in inches, with the space before it."""
    return BESIDE / 72 + max(text_width(each, NUMBER) for each in texts)
