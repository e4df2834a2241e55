"""How the figures look: sizes in inches, colours that the colour-blind can tell, marks that survive grey."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropgrid.statistics.samples import ABOVE, BELOW, NEITHER

INK, GREY, PALE, BAND = "#222222", "#767676", "#d8d8d8", "#f5f5f3"
BLUE, GREEN, VERMILLION, ORANGE, PURPLE, SKY = "#0072B2", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#56B4E9"
"""Okabe and Ito's palette (2008)."""

CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (7, 1.6, 1.2, 1.6)),
    (0, (3, 1.4, 1, 1.4, 1, 1.4)),
)
"""Colour, marker and dash of a series: 7, 8 and 5 of them, so that no two of 40 series share marker and dash."""

REFERENCES: tuple[Any, ...] = ((0, (2, 2)), (0, (6, 2)), (0, (6, 2, 1, 2)))
"""Dashes of what is drawn as a horizontal line, in grey."""

VERDICTS = {ABOVE: (GREEN, "^"), BELOW: (VERMILLION, "v"), NEITHER: (INK, "o"), None: (GREY, "o")}
"""Colour and marker of a row, by its verdict."""

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a row's name may hold a dollar sign
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titley": 1.0,  # no ticks at the top: else every axes is measured anew to find that its title may stay there
    "axes.unicode_minus": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "pdf.fonttype": 42,  # outlines that journals accept, and text that can be searched
}


def look(index: int) -> tuple[str, str, Any]:
    """Colour, marker and dash of a series by its place: each alone tells the first few apart, without colour too."""
    return CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]


@contextmanager
def style() -> Iterator[None]:
    """Our settings, for one figure; those of the caller come back."""
    with matplotlib.rc_context(SETTINGS):
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, on Agg whatever the caller's backend is."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the upper left corner."""
    total_width, total_height = figure.get_size_inches()
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    return figure.add_axes(box)


def write_text(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Text whose upper left corner is at a place in inches from the figure's."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, **{"ha": "left", "va": "top", **style})


def wrap(text: str, inches: float, size: float = 9) -> str:
    """Text in lines that fit a width, at a font size in points; a character is about 0.53 of it wide."""
    return "\n".join(textwrap.wrap(text, max(8, int(inches * 72 / (0.53 * size)))))


def heading(text: str, inches: float) -> str:
    """A title in lines that fit a width: bold letters of 13 points are as wide as plain ones of 14.5."""
    return wrap(text, inches, 14.5)


def lines(text: str) -> int:
    """How many lines a text has."""
    return text.count("\n") + 1


def png(figure: Figure, dpi: int = 200) -> bytes:
    """The figure as a PNG that holds no time and no version: equal cells give equal bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def pdf(figure: Figure) -> bytes:
    """The same as a PDF of lines and text, equally without time and version."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return file.getvalue()


def fitting(row: str, inches: float) -> tuple[str, float]:
    """A row's name and a size in points at which it fits; one too long keeps both ends: rows may differ in either."""
    room = {size: int(inches * 72 / (0.57 * size)) for size in (9.0, 8.0, 7.0)}
    for size, count in room.items():
        if len(row) <= count:
            return row, size
    half = (count - 1) // 2
    return f"{row[:half]}…{row[-half:]}", size
