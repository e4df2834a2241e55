"""A figure of panels under the configurations' names, with a caption: what every diagnostic's picture is."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dropgrid.plotting.legend import name_rows, named
from dropgrid.plotting.style import GREY, canvas, heading, lines, look, place, style, wrap, write_text

WIDTH, MARGIN, AXIS, GAP, BELOW = 10.5, 0.3, 0.62, 0.16, 0.68
"""Inches; AXIS: a vertical axis with its name, BELOW: a horizontal one."""

MARKED = 24
"""Points of a line, at most, for each of which there is a mark."""


class Panel(NamedTuple):
    """Title, names of the axes, and what fills them."""

    title: str
    across: str
    up: str
    fill: Callable[[Axes], Any]


def sheet(
    title: str, names: Sequence[str], grid: Sequence[Sequence[Panel]], caption: str, height: float = 3.0
) -> Figure:
    """Title, names, a row of panels after the other, caption; `height` of a panel in inches."""
    with style():
        legend = named(names) if names else []
        told, head = wrap(caption, WIDTH - 2 * MARGIN, 8), heading(title, WIDTH - 2 * MARGIN)
        top = MARGIN + 0.24 * lines(head) + 0.18
        depth = 0.22 * len(legend) + 0.15 if names else 0.0
        rows = [(each, widths(each), titles(each)) for each in grid]
        deep = sum(0.16 * above + 0.14 + height + BELOW for _, _, above in rows)
        figure = canvas(WIDTH, top + depth + deep + 0.17 * lines(told) + 0.2)
        write_text(figure, MARGIN, MARGIN, head, fontsize=13, fontweight="bold")
        name_rows(figure, legend, names, top)
        top += depth
        for panels, wide, above in rows:
            for column, panel in enumerate(panels):
                left = MARGIN + AXIS + column * (wide + AXIS + GAP)
                write_text(figure, left, top, wrap(panel.title, wide, 9.5), fontsize=9.5, fontweight="bold")
                axes = place(figure, left, top + 0.16 * above + 0.14, wide, height)
                panel.fill(axes)
                axes.set_xlabel(panel.across, fontsize=9)
                axes.set_ylabel(panel.up, fontsize=9)
            top += 0.16 * above + 0.14 + height + BELOW
        write_text(figure, MARGIN, top, told, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def widths(panels: Sequence[Panel]) -> float:
    """Inches of each panel of a row."""
    count = len(panels)
    return (WIDTH - 2 * MARGIN - AXIS * count - GAP * (count - 1)) / count


def titles(panels: Sequence[Panel]) -> int:
    """Lines of the longest title of a row."""
    return max(lines(wrap(each.title, widths(panels), 9.5)) for each in panels)


def curve(axes: Axes, across: Any, up: Any, index: int, **more: Any) -> None:
    """A line with marks, in the look of the configuration at that place; what is not finite is a gap."""
    colour, marker, dash = look(index)
    up = np.where(np.isfinite(up), up, np.nan)
    step = max(1, -(-len(up) // MARKED))
    given: dict[str, Any] = {"marker": marker, "markersize": 4.5, "mec": "white", "mew": 0.5, "markevery": step}
    axes.plot(across, up, color=colour, linestyle=dash, linewidth=1.5, zorder=3, **{**given, **more})


def powers(axes: Axes, values: Sequence[Any], axis: str = "y") -> None:
    """A logarithmic axis, where anything is above 0, that holds all such values."""
    flat = np.concatenate([np.ravel(each) for each in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not len(flat):
        return
    low, high = float(flat.min()), float(flat.max())
    one = axes.yaxis if axis == "y" else axes.xaxis
    getattr(axes, f"set_{axis}scale")("log", nonpositive="mask")
    air = max((high / low) ** 0.06, 1.15)
    getattr(axes, f"set_{axis}lim")(low / air, high * air)
    decades = np.log10(high / low)
    one.set_major_locator(
        LogLocator(subs=(1,) if decades > 2 else (1, 2, 5) if decades > 0.7 else (1, 1.5, 2, 3, 5, 7), numticks=9)
    )
    one.set_major_formatter(
        lambda value, _: f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}".replace("e-0", "e-")
    )
    one.set_minor_locator(NullLocator())
