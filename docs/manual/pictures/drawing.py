"""What the pictures have in common: the reports' style, 900 pixels wide, a few ten kilobytes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import BLUE, GREY, INK, PALE, SKY, empty_figure, place_axes, png, style
from dropgrid.plotting.text import write_text

__all__ = [
    "BLUE",
    "GREY",
    "INK",
    "PALE",
    "SKY",
    "bare",
    "encoded",
    "panel",
    "place_axes",
    "schedules",
    "sheet",
    "style",
    "write_text",
]

WIDTH = 9.0
"""Inches; 100 pixels each."""


def sheet(height: float) -> Figure:
    """An empty picture."""
    return empty_figure(WIDTH, height)


def encoded(figure: Figure) -> bytes:
    """PNG of at most 256 colours."""
    return png(figure, dpi=100, small=True)


def bare(axes: Axes) -> None:
    """No ticks, no grid: an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(PALE)


def panel(figure: Figure, left: float, top: float, width: float, height: float, image: Any, **how: Any) -> Axes:
    """An image in its place, its pixels sharp."""
    axes = place_axes(figure, left, top, width, height)
    bare(axes)
    axes.imshow(np.asarray(image), aspect="auto", interpolation="nearest", **how)
    return axes


def schedules(axes: Axes, modules: dict[str, tuple[Any, Any]], what: str) -> None:
    """The level over training: as the YAML has it, and as the other schedule would.

    Args:
        modules: label -> (module as it is, module of the other schedule).
        what: the level is.
    """
    progress = np.linspace(0, 1, 21)
    for label, (own, other) in modules.items():
        (line,) = axes.plot(progress, [own.level_at(each) for each in progress], lw=1.6, color=BLUE)
        axes.plot(progress, [other.level_at(each) for each in progress], lw=1.1, color=GREY, ls=(0, (3, 2)))
        if label:
            axes.annotate(label, (1, own.full_level), (4, 0), textcoords="offset points", va="center", fontsize=7.5)
        line.set_label(own.schedule)
    own, other = next(iter(modules.values()))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.15 * max(each.full_level for each, _ in modules.values()))
    axes.set_xticks([0, 1], ["first", "last step"])
    axes.set_title(f"{what}\n—  {own.schedule} (default)\n- -  {other.schedule}", fontsize=7.5, loc="left", color=INK)
