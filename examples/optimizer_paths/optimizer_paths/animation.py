"""Animate the paths: a WebP of the common rate beside the tuned ones, step by step."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from dropgrid.plotting.style import INK, empty_figure, place_axes, style
from dropgrid.plotting.text import write_text
from optimizer_paths.looks import COLOURS, alike, drawn, looks
from optimizer_paths.paths import Paths
from optimizer_paths.picture import contours, regime

WIDTH, HEIGHT, SIDE, TOP = 9.4, 5.6, 4.1, 0.85
"""Inches; SIDE: of a panel."""

DPI, FRAMES = 75, 36
"""FRAMES: at most."""

HUES, GREYS = 6, 64
"""Shades of each optimizer's colour, and of grey, in the animation."""

EACH, LAST = 90, 2500
"""Milliseconds that a frame, and the last, is shown."""


Moving = tuple[Line2D, Line2D, np.ndarray]


def frames(steps: int) -> list[int]:
    """Steps that are shown: each of the first, then ever farther apart."""
    return sorted({0, *(round(each) for each in np.geomspace(1, steps, FRAMES))})


def animation(regimes: Mapping[str, Paths]) -> bytes:
    """Return a WebP, both panels at the same step; lines grow, a mark is where each optimizer is."""
    with style():
        figure = empty_figure(WIDTH, HEIGHT)
        moving: list[Moving] = []
        for column, paths in enumerate(regimes.values()):
            left = 0.55 + column * (SIDE + 0.55)
            write_text(figure, left, 0.5, regime(paths), fontsize=10, fontweight="bold")
            axes = place_axes(figure, left, TOP, SIDE, SIDE - 0.5)
            contours(axes, paths.surface)
            axes.plot(*paths.begin, marker="o", markersize=8, color="white", mec=INK, mew=1.4, zorder=7)
            moving += grown(axes, paths)
        first = next(iter(regimes.values()))
        write_text(figure, 0.55, 0.18, f"{first.surface.title}: {first.surface.formula}", fontsize=10)
        key(figure, first)
        counter = figure.text(1 - 0.5 / WIDTH, 1 - 0.18 / HEIGHT, "", ha="right", va="top", fontsize=10)
        pictures = filmed(figure, moving, counter, frames(first.steps))
    return webp(pictures)


def grown(axes: Axes, paths: Paths) -> list[Moving]:
    """Of each path its line, its mark, and the points that they follow."""
    found = []
    for names in alike(paths.walks):
        colour, marker, _ = looks(list(paths.walks))[names[0]]
        (line,) = axes.plot([], [], color=colour, linewidth=1.4, zorder=4, animated=True)
        given: dict[str, Any] = {"color": colour, "marker": marker, "mec": "white", "mew": 0.7}
        (head,) = axes.plot([], [], markersize=8, zorder=5, animated=True, **given)
        found.append((line, head, drawn(paths.walks[names[0]], paths.surface)))
    return found


def key(figure: Figure, paths: Paths) -> None:
    """The names with their marks, below the panels."""
    look, across = looks(list(paths.walks)), (WIDTH - 0.9) / 5
    for number, names in enumerate(alike(paths.walks)):
        colour, marker, _ = look[names[0]]
        left, top = 0.6 + across * (number % 5), HEIGHT - 0.62 + 0.22 * (number // 5)
        x, y = left / WIDTH, 1 - top / HEIGHT
        given: dict[str, Any] = {"color": colour, "marker": marker, "mec": "white", "transform": figure.transFigure}
        figure.add_artist(Line2D([x], [y], markersize=8, **given))
        write_text(figure, left + 0.15, top, " = ".join(names), fontsize=9, va="center")


def filmed(figure: Figure, moving: list[Moving], counter: Text, steps: list[int]) -> list[Image.Image]:
    """A picture at each step; what does not move is drawn once."""
    film = figure.canvas
    assert isinstance(film, FigureCanvasAgg), "canvas() makes one"
    figure.set_dpi(DPI)
    counter.set_animated(True)
    film.draw()
    still = film.copy_from_bbox(figure.bbox)
    found = []
    for step in steps:
        film.restore_region(still)
        for line, head, points in moving:
            line.set_data(*points[: step + 1].T)
            head.set_data(*points[min(step, len(points) - 1)][:, None])
        for line, head, _ in moving:
            for each in (line, head):
                assert each.axes is not None, "it was plotted"
                each.axes.draw_artist(each)
        counter.set_text(f"step {step:,}")
        figure.draw_artist(counter)
        found.append(Image.fromarray(np.asarray(film.buffer_rgba())[..., :3].copy()))
    return found


def palette() -> Image.Image:
    """The colours of the animation: those of the optimizers, each in shades towards white, and greys."""
    shades = [1 - (1 - np.array(to_rgb(colour))) * part for colour in COLOURS for part in np.linspace(1, 0.3, HUES)]
    greys = [np.full(3, level) for level in np.linspace(0, 1, GREYS)]
    found = Image.new("P", (1, 1))
    found.putpalette([round(255 * float(each)) for colour in (*shades, *greys) for each in colour])
    return found


def webp(frames: list[Image.Image]) -> bytes:
    """Return the frames as one animation: few colours without dither, so that what stands still stays the same, then
    without loss (a tenth of the size of a GIF).
    """
    few = palette()
    shown = [each.quantize(palette=few, dither=Image.Dither.NONE).convert("RGB") for each in frames]
    file = io.BytesIO()
    times = [EACH] * (len(shown) - 1) + [LAST]
    lossless: dict[str, Any] = {"lossless": True, "method": 4, "minimize_size": True}
    shown[0].save(file, format="WEBP", save_all=True, append_images=shown[1:], duration=times, loop=0, **lossless)
    return file.getvalue()
