"""The style of the figures: sizes in inches, colours for the colour-blind, marks that survive greyscale."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from dropgrid.plotting.palette import palette_png
from dropgrid.plotting.text import FAMILY
from dropgrid.printable import printable
from dropgrid.statistics.samples import ABOVE, BELOW, EQUAL, OPEN

WIDTH, MARGIN = 10.5, 0.3
"""Inches: a figure as wide as a page, and the margin of any."""

DPI = 130
"""Pixels an inch of a PNG."""

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

VERDICTS = {ABOVE: (GREEN, "^"), BELOW: (VERMILLION, "v"), EQUAL: (BLUE, "s"), OPEN: (INK, "o"), None: (GREY, "o")}
"""Colour and marker of a row, by its verdict."""

FILES: dict[Any, Any] = {
    "text.hinting": "no_hinting",  # letters fitted to pixels are up to a seventh wider than the font says
    "pdf.fonttype": 42,  # outlines that journals accept, and text that can be searched
}
"""What counts when a figure is written. No more: powers of ten, which are made up then, are mathematics."""

SETTINGS: dict[Any, Any] = {
    "font.family": FAMILY,
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
    **FILES,
}


def look(index: int) -> tuple[str, str, Any]:
    """Return colour, marker and dash of a series by its place; each alone distinguishes the first few."""
    return CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]


@contextmanager
def style() -> Iterator[None]:
    """Set our matplotlib settings for one figure; the caller's are restored afterwards."""
    with matplotlib.rc_context(SETTINGS):
        yield


def empty_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, on Agg whatever the caller's backend is."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes at a place given in inches from the upper left corner."""
    total_width, total_height = figure.get_size_inches()
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    return figure.add_axes(box)


def root_figure(axes: Axes) -> Figure:
    """Return the figure that axes are on."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def axes_size(axes: Axes) -> tuple[float, float]:
    """Return width and height of axes in inches."""
    wide, deep = root_figure(axes).get_size_inches()
    box = axes.get_position()
    return float(box.width * wide), float(box.height * deep)


def place_beside(axes: Axes, width: float, air: float = 0.0) -> Axes:
    """Return axes of a width at the right of others, as high as they are."""
    figure, box = root_figure(axes), axes.get_position()
    wide = figure.get_figwidth()
    return figure.add_axes((box.x1 + air / wide, box.y0, width / wide, box.height))


def place_above(axes: Axes, height: float) -> Axes:
    """Return axes of a height on top of others, as wide as they are."""
    figure, box = root_figure(axes), axes.get_position()
    return figure.add_axes((box.x0, box.y1, box.width, height / figure.get_figheight()))


def make_square(axes: Axes) -> None:
    """Cut axes to a square at their left."""
    wide, deep = axes_size(axes)
    box, side = axes.get_position(), min(wide, deep)
    height = box.height * side / deep
    axes.set_position((box.x0, box.y1 - height, box.width * side / wide, height))


@contextmanager
def printable_texts(figure: Figure) -> Iterator[None]:
    """Have a figure's texts drawn as `printable`, those of ticks too, which are made as they are drawn; a sign that the
    font lacks is a box."""
    set_text = Text.set_text
    for text in figure.findobj(Text):
        if (shown := printable(text.get_text())) != text.get_text():
            text.set_text(shown)
    Text.set_text = lambda self, s: set_text(self, printable(str(s)))  # type: ignore[method-assign]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
            yield
    finally:
        Text.set_text = set_text  # type: ignore[method-assign]


def png(figure: Figure, dpi: int = DPI, *, small: bool = False) -> bytes:
    """Return the figure as a PNG without time and version: equal cells give equal bytes.

    It has a palette if one can show all colours, that is, unless the figure contains images of many colours.

    Args:
        figure: the figure, which is not changed.
        dpi: pixels per inch.
        small: use a palette in any case.
    """
    pixels = io.BytesIO()
    with matplotlib.rc_context(FILES), printable_texts(figure):
        figure.savefig(pixels, format="rgba", dpi=dpi)
    wide, deep = (int(dpi * inches) for inches in figure.get_size_inches())
    return palette_png(Image.frombytes("RGBA", (wide, deep), pixels.getvalue()), width=None, always=small)


def pdf(figure: Figure) -> bytes:
    """Return the figure as a PDF of lines and text, without time and version."""
    file = io.BytesIO()
    with matplotlib.rc_context(FILES), printable_texts(figure):
        figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return file.getvalue()
