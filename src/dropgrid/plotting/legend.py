"""The rows' names above the panels of a figure, each after a piece of its line."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropgrid.plotting.style import INK, fitting, look, write_text

WIDTH, MARGIN = 10.5, 0.3
SAMPLE, LETTER, GAP = 0.66, 0.58 * 9 / 72, 0.25
"""Inches: a piece of line with the space around it, a letter, and between two names."""

FEW = 8
"""Names that stand one after the other; more stand in columns, to be found again."""


def named(names: Sequence[str]) -> list[list[tuple[str, float]]]:
    """The names in lines that fit the figure, each with where it begins, in inches; many run down in columns."""
    wide = [SAMPLE + len(name) * LETTER for name in names]
    if len(names) > FEW:
        across = max(1, int((WIDTH - 2 * MARGIN + GAP) // (max(wide) + GAP)))
        deep = -(-len(names) // across)
        step = (WIDTH - 2 * MARGIN + GAP) / -(-len(names) // deep)
        return [[(names[i], MARGIN + i // deep * step) for i in range(line, len(names), deep)] for line in range(deep)]
    found: list[list[tuple[str, float]]] = [[]]
    at = MARGIN
    for name, inches in zip(names, wide, strict=True):
        if found[-1] and at + inches > WIDTH - MARGIN:
            found.append([])
            at = MARGIN
        found[-1].append((name, at))
        at += inches + GAP
    return found


def name_rows(figure: Figure, legend: Sequence[Sequence[tuple[str, float]]], names: Sequence[str], top: float) -> None:
    """Each row's name after a piece of its line, one too long for the figure shortened."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(legend):
        at = top + 0.22 * number + 0.07
        for name, left in line:
            colour, marker, dash = look(names.index(name))
            y, xs = 1 - at / height, [left / width, (left + 0.46) / width]
            given: dict[str, Any] = {"color": colour, "transform": figure.transFigure}
            figure.add_artist(Line2D(xs, [y, y], linestyle=dash, linewidth=1.7, **given))
            figure.add_artist(Line2D([sum(xs) / 2], [y], marker=marker, markersize=6.5, mec="white", mew=0.8, **given))
            shown, size = fitting(name, WIDTH - MARGIN - left - 0.54)
            write_text(figure, left + 0.54, at, shown, fontsize=size, va="center", color=INK)
