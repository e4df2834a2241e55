"""How the figures look: sizes in inches, colours that the colour-blind can tell, marks that survive grey."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dropgrid.plotting.palette import palette_png
from dropgrid.plotting.text import FAMILY
from dropgrid.statistics.samples import ABOVE, BELOW, NEITHER

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

VERDICTS = {ABOVE: (GREEN, "^"), BELOW: (VERMILLION, "v"), NEITHER: (INK, "o"), None: (GREY, "o")}
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
    """Colour, marker and dash of a series by its place: each alone tells the first few apart, without colour too."""
    return CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]


@contextmanager
def style() -> Iterator[None]:
    """Our settings, for one figure; those of the caller come back."""
    with matplotlib.rc_context(SETTINGS):
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, on Agg whatever the caller's backend is."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the upper left corner."""
    total_width, total_height = figure.get_size_inches()
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    return figure.add_axes(box)


def root_figure(axes: Axes) -> Figure:
    """The figure that axes are on."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def axes_size(axes: Axes) -> tuple[float, float]:
    """Width and height in inches."""
    wide, deep = root_figure(axes).get_size_inches()
    box = axes.get_position()
    return float(box.width * wide), float(box.height * deep)


def place_beside(axes: Axes, width: float, air: float = 0.0) -> Axes:
    """Axes of a width at the right of others, as high as they are."""
    figure, box = root_figure(axes), axes.get_position()
    wide = figure.get_figwidth()
    return figure.add_axes((box.x1 + air / wide, box.y0, width / wide, box.height))


def place_above(axes: Axes, height: float) -> Axes:
    """Axes of a height on top of others, as wide as they are."""
    figure, box = root_figure(axes), axes.get_position()
    return figure.add_axes((box.x0, box.y1, box.width, height / figure.get_figheight()))


def make_square(axes: Axes) -> None:
    """Cut axes to a square at their left."""
    wide, deep = axes_size(axes)
    box, side = axes.get_position(), min(wide, deep)
    height = box.height * side / deep
    axes.set_position((box.x0, box.y1 - height, box.width * side / wide, height))


def png(figure: Figure, dpi: int = DPI, *, small: bool = False) -> bytes:
    """The figure as a PNG that holds no time and no version: equal cells give equal bytes.

    It has a palette if one shows all colours, as one does unless there are images of many colours in the figure.

    Args:
        figure: is not changed.
        dpi: pixels an inch.
        small: it has a palette in any case.
    """
    drawn = io.BytesIO()
    with matplotlib.rc_context(FILES):
        figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"compress_level": 1})
    return palette_png(drawn.getvalue(), width=None, always=small)


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF of lines and text, equally without time and version."""
    file = io.BytesIO()
    with matplotlib.rc_context(FILES):
        figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return file.getvalue()
