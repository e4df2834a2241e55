"""The rows' names above the panels of a figure, each beside a sample of its line."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropgrid.plotting.style import INK, MARGIN, WIDTH, look
from dropgrid.plotting.text import NAME, fit_name, text_width, write_text

LINE, SAMPLE, AIR, GAP = 0.22, 0.46, 0.08, 0.25
"""Inches: a line of names, a piece of a row's line, between it and the name, between two names."""

FEW = 8
"""Names that stand one after the other; more stand in columns, to be found again."""

Legend = Sequence[Sequence[tuple[str, float]]]
"""Lines of names, each with its left edge in inches."""


def legend_lines(names: Sequence[str], width: float = WIDTH) -> Legend:
    """Return the names in lines that fit a figure of that width; many names run down in columns."""
    wide = [SAMPLE + AIR + text_width(name, NAME) for name in names]
    if len(names) > FEW:
        across = max(1, int((width - 2 * MARGIN + GAP) // (max(wide) + GAP)))
        deep = -(-len(names) // across)
        step = (width - 2 * MARGIN + GAP) / -(-len(names) // deep)
        return [[(names[i], MARGIN + i // deep * step) for i in range(line, len(names), deep)] for line in range(deep)]
    found: list[list[tuple[str, float]]] = [[]] if names else []
    at = MARGIN
    for name, inches in zip(names, wide, strict=True):
        if found[-1] and at + inches > width - MARGIN:
            found.append([])
            at = MARGIN
        found[-1].append((name, at))
        at += inches + GAP
    return found


def legend_height(legend: Legend) -> float:
    """Return the height of the legend in inches, with the space below."""
    return LINE * len(legend) + 0.15 if legend else 0.0


def draw_legend(figure: Figure, legend: Legend, names: Sequence[str], top: float) -> None:
    """Draw each row's name beside a sample of its line; a name too long for the figure is shortened."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(legend):
        at = top + LINE * number + 0.07
        for name, left in line:
            colour, marker, dash = look(names.index(name))
            y, xs = 1 - at / height, [left / width, (left + SAMPLE) / width]
            given: dict[str, Any] = {"color": colour, "transform": figure.transFigure}
            figure.add_artist(Line2D(xs, [y, y], linestyle=dash, linewidth=1.7, **given))
            figure.add_artist(Line2D([sum(xs) / 2], [y], marker=marker, markersize=6.5, mec="white", mew=0.8, **given))
            shown, size = fit_name(name, width - MARGIN - left - SAMPLE - AIR)
            write_text(figure, left + SAMPLE + AIR, at, shown, fontsize=size, va="center", color=INK)
