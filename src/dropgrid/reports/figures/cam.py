"""figure_cam.png: class activation maps of each row on a few test images, if `cam` was evaluated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from dropgrid.plotting.layout import FigureSection, assemble_figure
from dropgrid.plotting.style import GREY, INK, MARGIN, WIDTH, place_axes
from dropgrid.plotting.text import shorten, text_height, wrap, write_text
from dropgrid.reports.columns import format_mean_std
from dropgrid.reports.evaluation_arrays import EvaluationArrays, find_evaluation_arrays
from dropgrid.reports.table import Row, Table
from dropgrid.store.arrays import read_arrays
from dropgrid.store.evaluations import AGAIN

ORDER = 110
CAPTION = "Class activation maps of a few test images"

OPTION = "cam"
NAMES, GAP = 1.75, 0.07
"""Inches: the names of the rows, the gap between two images."""

LARGEST = 1.15
"""The greatest width of an image, in inches."""

MARK, HEAD, SCALE = 0.24, 0.26, 0.52
"""Inches: text under an image for its prediction, above the images for their class, colour scale below all."""

CLASS, NUMBERS = 9.0, 7.8
"""Font size in points: the name of a class, the numbers of a row."""

FINE = 224
"""The fewest pixels of an image's longer side."""

COLOURS, OPACITY = "magma", 0.62
"""Perceptually uniform, from dark to light: it reads the same in grey."""

RIGHT, WRONG = "✓", "✗"


@dataclass(frozen=True)
class Maps:
    """The maps (N, h, w) and predicted classes (N,) of one cell of a row."""

    row: Row
    seed: int
    maps: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class BlockMaps:
    """A block's images (N, C, H, W) uint8 of classes `targets` (N,), and the rows with maps of them."""

    measured: EvaluationArrays
    images: np.ndarray
    targets: np.ndarray
    classes: Sequence[str]
    rows: Sequence[Maps]
    others: Sequence[str]
    """Rows that were tested on other images."""

    @property
    def threshold(self) -> float:
        """The share of a map's maximum above which its area counts."""
        return float(self.measured.config["threshold"])


def draw(table: Table) -> Figure | None:
    """Draw images, then a line of maps per row, at the lowest seed that all rows have; None if no cell has maps."""
    found = [
        block_maps(each)
        for block, rows in table.blocks
        if (each := find_evaluation_arrays(block, rows, OPTION)) is not None
    ]
    if not found:
        return None

    def paint_scale(figure: Figure, top: float) -> None:
        draw_scale(figure, found[0].threshold, top)

    sections = [*(map_rows(each) for each in found), FigureSection("", SCALE, paint_scale)]
    return assemble_figure("Where each network sees the class", sections, explanation(found))


def block_maps(measured: EvaluationArrays) -> BlockMaps:
    """Return the maps of the rows that have the same images as the first."""
    first: dict[str, np.ndarray] = {}
    made, others = [], []
    for row, seeds in measured.rows:
        seed = min(seeds) if measured.seed is None else measured.seed
        arrays = read_arrays(seeds[seed], AGAIN)
        first = first or arrays
        if np.array_equal(arrays["images"], first["images"]):
            made.append(Maps(row, seed, arrays["maps"], arrays["predicted"]))
        else:
            others.append(row.name)
    return BlockMaps(measured, first["images"], first["targets"], [*map(str, first["classes"])], made, others)


def image_size(shown: BlockMaps) -> tuple[float, float]:
    """Return width and height of an image in inches, in the images' proportion."""
    count, _, height, width = shown.images.shape
    wide = min((WIDTH - 2 * MARGIN - NAMES - GAP * (count - 1)) / count, LARGEST)
    return wide, wide * height / width


def map_rows(shown: BlockMaps) -> FigureSection:
    """Return the section of images under their classes, then a line of maps per row."""
    wide, deep = image_size(shown)
    lefts = [MARGIN + NAMES + index * (wide + GAP) for index in range(len(shown.images))]

    def paint(figure: Figure, top: float) -> None:
        top += HEAD
        for at, image, target in zip(lefts, shown.images, shown.targets, strict=True):
            text = shorten(shown.classes[target], wide, CLASS)
            draw_image(place_axes(figure, at, top, wide, deep), np.moveaxis(enlarge(image), 0, -1))
            write_centred(figure, at + wide / 2, top - 0.07, text, va="bottom", fontsize=CLASS, color=INK)
        write_text(figure, MARGIN, top + deep / 2, "image, its class above", fontsize=8.5, va="center", color=GREY)
        top += deep + GAP
        for each in shown.rows:
            write_row(figure, shown, each, top + deep / 2)
            for at, *parts in zip(lefts, shown.images, shown.targets, each.maps, each.predicted, strict=True):
                draw_map(figure, shown, (at, top, wide, deep), *parts)
            top += deep + MARK

    return FigureSection(shown.measured.block.label, HEAD + deep + GAP + len(shown.rows) * (deep + MARK) + 0.12, paint)


def draw_map(
    figure: Figure,
    shown: BlockMaps,
    box: tuple[float, float, float, float],
    image: np.ndarray,
    target: int,
    own: np.ndarray,
    predicted: int,
) -> None:
    """Draw one map over its image, with the prediction below."""
    at, top, wide, deep = box
    draw_overlay(place_axes(figure, at, top, wide, deep), image, own, shown.threshold)
    right = bool(predicted == target)
    text = RIGHT if right else f"{WRONG} {shorten(shown.classes[predicted], wide - 0.2, CLASS)}"
    weight, colour = ("normal", GREY) if right else ("bold", INK)
    write_centred(
        figure, at + wide / 2, top + deep + 0.02, text, va="top", fontsize=8.5, color=colour, fontweight=weight
    )


def write_row(figure: Figure, shown: BlockMaps, maps: Maps, at: float) -> None:
    """Write a row's name, with its spread and regions over the seeds."""
    row = maps.row
    name = wrap(row.name, NAMES - 0.15, CLASS, bold=row.baseline)
    parts = []
    for metric, unit in (("spread", " % of the map"), ("regions", " regions")):
        found = row.evaluations.get(f"{shown.measured.label}/{metric}")
        if found is not None:
            parts.append(
                f"{format_mean_std(found.sample.mean, found.sample.std, 1 if metric == 'spread' else 2)}{unit}"
            )
    if len({each.seed for each in shown.rows}) > 1:
        parts.append(f"seed {maps.seed}")
    numbers, upper = "\n".join(parts), text_height(name, CLASS)
    top = at - (upper + text_height(numbers, NUMBERS)) / 2
    write_text(figure, MARGIN, top, name, fontsize=CLASS, fontweight="bold" if row.baseline else "normal")
    write_text(figure, MARGIN, top + upper, numbers, fontsize=NUMBERS, color=GREY)


def write_centred(figure: Figure, x: float, y: float, text: str, **more: Any) -> None:
    """Write text around a place in inches from the upper left corner."""
    write_text(figure, x, y, text, ha="center", **more)


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image (H, W, 3 or 1) in [0, 1], without axes."""
    axes.set_axis_off()
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="none")


def draw_overlay(axes: Axes, image: np.ndarray, cam: np.ndarray, threshold: float) -> None:
    """Draw the map's positive part from 0 to its maximum in colour over the image in grey, with a line around its area
    above the threshold."""
    grey = enlarge(image).mean(0)
    large = upsample(cam, grey.shape)
    value = np.clip(large / max(float(cam.max()), np.finfo(np.float32).tiny), 0, 1)
    draw_image(axes, blend(grey, value))
    if value.min() <= threshold < value.max():
        drawn = axes.contour(value, levels=[threshold], colors="white", linewidths=1.0)
        drawn.set_path_effects([withStroke(linewidth=2.2, foreground="black")])


def blend(grey: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) of values in [0, 1] over greys."""
    colour = matplotlib.colormaps[COLOURS](value)[..., :3]
    mixed: np.ndarray = (1 - OPACITY) * grey[..., None] + OPACITY * colour
    return mixed


def enlarge(image: np.ndarray) -> np.ndarray:
    """Return an image (C, H, W) of bytes in [0, 1], its pixels repeated until it has `FINE` of them."""
    times = math.ceil(FINE / max(image.shape[1:]))
    return image.repeat(times, 1).repeat(times, 2) / 255


def upsample(cells: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return a map (h, w) at another size: bilinear between cell centres, constant beyond the outermost."""
    down, across = (interpolation_matrix(old, new) for old, new in zip(cells.shape, shape, strict=True))
    large: np.ndarray = down @ cells @ across.T
    return large


def interpolation_matrix(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of linear interpolation from `old` cells in a line to `new` ones."""
    at = (np.arange(new) + 0.5) * old / new - 0.5
    return np.stack([np.interp(at, np.arange(old), one) for one in np.eye(old)], axis=1)


def draw_scale(figure: Figure, threshold: float, top: float) -> None:
    """Draw the colours from 0 to a map's maximum, over white and over black, with a line at the threshold."""
    axes = place_axes(figure, MARGIN + NAMES, top + 0.02, 2.6, 0.2)
    bands = blend(np.array([[1.0], [0.0]]), np.linspace(0, 1, 256)[None])
    axes.imshow(bands, aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    axes.grid(visible=False)
    axes.set_yticks([0.75, 0.25], ["over white", "over black"])
    axes.set_xticks([0, threshold, 1], ["0", f"{threshold:g}", "map's maximum"])
    axes.tick_params(labelsize=7.5, pad=2)
    axes.spines[:].set_visible(False)
    axes.axvline(threshold, color="black", linewidth=2.2)
    axes.axvline(threshold, color="white", linewidth=1.0)


def explanation(found: Sequence[BlockMaps]) -> str:
    """Return the caption: which map and cell, what the marks are, and which rows are missing."""
    seeds = {each.seed for one in found for each in one.rows}
    arguments = found[0].measured.arguments
    parts = [
        "Class activation maps of the last features (Zhou et al. 2016)",
        f"; {arguments}" if arguments else "",
        f", seed {seeds.pop()}." if len(seeds) == 1 else ".",
        f" White line: {found[0].threshold:g} of the map's maximum. Numbers: the share of a map's cells above it, and "
        "how many regions they form, over all test images; mean ± standard deviation over seeds. "
        f"{RIGHT} right; {WRONG} wrong, and the class it was taken for.",
    ]
    others = [name for each in found for name in each.others]
    if others:
        parts.append(f" Tested on other images, not shown: {', '.join(dict.fromkeys(others))}.")
    return "".join(parts)
