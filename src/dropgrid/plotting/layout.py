"""The layout of every figure: title, the rows' names, blocks below one another, caption; sizes in inches."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting import text
from dropgrid.plotting.legend import draw_legend, legend_height, legend_lines
from dropgrid.plotting.style import GREY, MARGIN, WIDTH, empty_figure, place_axes, style
from dropgrid.plotting.text import text_height, wrap, write_text

AXIS, GAP, BELOW = 0.62, 0.16, 0.68
"""A vertical axis with its name, between two panels, a horizontal axis with its name."""

LABEL_HEIGHT, TITLE_AIR = 0.28, 0.1
"""The label of a block, and the air between a panel's title and the panel."""


class FigureSection(NamedTuple):
    """A block of a figure: `paint(figure, top)` draws it, `height` inches high, below its label, which may be empty."""

    label: str
    height: float
    paint: Callable[[Figure, float], None]


class Panel(NamedTuple):
    """Title, names of the axes, and the function that draws the panel."""

    title: str
    across: str
    up: str
    paint: Callable[[Axes], Any]


def assemble_figure(
    title: str, sections: Sequence[FigureSection], caption: str, names: Sequence[str] = (), width: float = WIDTH
) -> Figure:
    """Return a figure: title, names of the lines, the sections below one another, caption."""
    head = wrap(title, width - 2 * MARGIN, text.TITLE, bold=True)
    foot = wrap(caption, width - 2 * MARGIN, text.CAPTION)
    legend = legend_lines(names, width)
    top = MARGIN + text_height(head, text.TITLE) + 0.15
    heights = [(LABEL_HEIGHT if each.label else 0.0) + each.height for each in sections]
    deep = top + legend_height(legend) + sum(heights) + text_height(foot, text.CAPTION, text.CAPTION_SPACING)
    with style():
        figure = empty_figure(width, deep + 0.2)
        write_text(figure, MARGIN, MARGIN, head, fontsize=text.TITLE, fontweight="bold")
        draw_legend(figure, legend, names, top)
        top += legend_height(legend)
        for each, height in zip(sections, heights, strict=True):
            if each.label:
                write_text(figure, MARGIN, top, each.label, fontsize=text.LABEL, fontstyle="italic")
            each.paint(figure, top + height - each.height)
            top += height
        given: dict[str, Any] = {"fontsize": text.CAPTION, "linespacing": text.CAPTION_SPACING, "color": GREY}
        if foot:
            write_text(figure, MARGIN, top, foot, **given)
    return figure


def panel_rows(
    panels: Sequence[Panel],
    height: float,
    across: int | None = None,
    label: str = "",
    *,
    beside: float = 0.0,
    above: float = 0.0,
) -> FigureSection:
    """Return a section of panels of one height, `across` of them side by side (by default all).

    Args:
        panels: from left to right, then down.
        height: height of a panel.
        across: panels in a row; an incomplete row leaves the rest empty.
        label: text above all panels.
        beside: space at the right of each panel that `paint` may use.
        above: space between each panel and its title.
    """
    across = across or len(panels)
    wide = panel_width(across, beside)
    titles = [wrap(each.title, wide + beside, text.PANEL_TITLE, bold=True) for each in panels]
    head = max(text_height(each, text.PANEL_TITLE) for each in titles) + TITLE_AIR + above
    deep = head + height + BELOW

    def paint(figure: Figure, top: float) -> None:
        for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
            down, right = divmod(index, across)
            left, upper = MARGIN + AXIS + right * (wide + beside + AXIS + GAP), top + down * deep
            if title:
                write_text(figure, left, upper, title, fontsize=text.PANEL_TITLE, fontweight="bold")
            axes = place_axes(figure, left, upper + head, wide, height)
            panel.paint(axes)
            axes.set_xlabel(panel.across, fontsize=text.NAME)
            axes.set_ylabel(panel.up, fontsize=text.NAME)

    return FigureSection(label, -(-len(panels) // across) * deep, paint)


def panel_width(across: int, beside: float = 0.0) -> float:
    """Return the width of each of some panels side by side."""
    return (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across - beside


def panel_figure(
    title: str, names: Sequence[str], grid: Sequence[Sequence[Panel]], caption: str, height: float = 3.0
) -> Figure:
    """Return a figure of rows of panels, each row as wide as the figure."""
    return assemble_figure(title, [panel_rows(each, height) for each in grid], caption, names)


def small_columns(count: int) -> int:
    """Return the number of small panels side by side: four or three, whichever leaves fewer gaps, at least two."""
    return min(max(count, 2), 4) if count <= 4 else min((4, 3), key=lambda across: -count % across)
