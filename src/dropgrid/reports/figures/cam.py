"""figure_cam.png: where in a few test images each row sees their class; drawn where `cam` was measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from dropgrid.errors import UserError
from dropgrid.plotting.style import GREY, INK, canvas, lines, place, style, wrap, write_text
from dropgrid.reports.columns import plus_minus
from dropgrid.reports.table import Row, Table
from dropgrid.store.ablation import Block, Cell
from dropgrid.store.evaluations import evaluation_of, kept

ORDER = 110
CAPTION = "Class activation maps of a few test images"

OPTION = "cam"
WIDTH, MARGIN, NAMES, GAP = 10.5, 0.3, 1.75, 0.07
"""Inches: the figure, its margin, the names of the rows, the gap between two pictures."""

LARGEST = 1.15
"""Inches of a picture's width, at most."""

MARK, HEAD, SCALE = 0.24, 0.26, 0.52
"""Inches: under a picture for what was predicted, above the images for their class, the scale of colours below all."""

FINE = 224
"""Pixels of a picture's longer side, at least."""

COLOURS, OPACITY = "magma", 0.62
"""Perceptually uniform, from dark to light: it reads the same in grey."""

RIGHT, WRONG = "✓", "✗"


@dataclass(frozen=True)
class Maps:
    """What one cell of a row left: maps (N, h, w) of its images, and the classes (N,) it took them for."""

    row: Row
    seed: int
    maps: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class Sheet:
    """A block's pictures: images (N, C, H, W) uint8 of `targets` (N,), and the rows that saw them."""

    block: Block
    label: str
    threshold: float
    images: np.ndarray
    targets: np.ndarray
    classes: Sequence[str]
    rows: Sequence[Maps]
    others: Sequence[str]
    """Rows that were tested on other images."""


def draw(table: Table) -> Figure | None:
    """Images, then a line of maps a row, at the lowest seed that all rows have; None where no cell has maps."""
    found = [each for block, rows in table.blocks if (each := sheet(block, rows)) is not None]
    if not found:
        return None
    with style():
        return compose(found)


def sheet(block: Block, rows: Sequence[Row]) -> Sheet | None:
    """A block's pictures; of several evaluations by the option the plainest."""
    there = {row.name: {cell.seed: kept(cell.folder, OPTION) for cell in finished(block, row)} for row in rows}
    here = {evaluation_of(name) for row in rows for name in row.evaluations}
    labels = sorted({label for seeds in there.values() for each in seeds.values() for label in each if label in here})
    if not labels:
        return None
    label = labels[0]
    paths = {name: {s: each[label] for s, each in seeds.items() if label in each} for name, seeds in there.items()}
    having = {name: seeds for name, seeds in paths.items() if seeds}
    common = set.intersection(*(set(seeds) for seeds in having.values()))
    first: Mapping[str, np.ndarray] | None = None
    arguments: Mapping[str, Any] = {}
    made, others = [], []
    for row in rows:
        if row.name not in having:
            continue
        seed = min(common or having[row.name])
        path, own = having[row.name][seed]
        arrays = read(path)
        if first is None:
            first, arguments = arrays, own
        if not np.array_equal(arrays["images"], first["images"]):
            others.append(row.name)
            continue
        made.append(Maps(row, seed, arrays["maps"], arrays["predicted"]))
    assert first is not None
    shown = {key: first[key] for key in ("images", "targets", "classes")}
    return Sheet(block, label, arguments["threshold"], **shown, rows=made, others=others)  # type: ignore[arg-type]


def finished(block: Block, row: Row) -> list[Cell]:
    """The cells of a row that are finished."""
    return [cell for cell in block.rows.get(row.name, ()) if cell.result is not None]


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; UserError names one that is damaged."""
    try:
        with np.load(path) as file:
            return dict(file)
    except Exception as error:  # np.load raises whatever its parsers happened on
        raise UserError(f"cannot read {path}: {error}; remove it, and measure again") from error


def compose(found: Sequence[Sheet]) -> Figure:
    """Title, the sheets below one another, the scale of colours and what all of it is."""
    title = "Where each network sees the class"
    caption = wrap(explanation(found), WIDTH - 2 * MARGIN, 8)
    sizes = [size(each) for each in found]
    heads = [(0.28 if each.block.factors else 0.0) + HEAD for each in found]
    heights = [
        head + deep + GAP + len(each.rows) * (deep + MARK) + 0.12
        for each, head, (_, deep) in zip(found, heads, sizes, strict=True)
    ]
    top = MARGIN + 0.4
    figure = canvas(WIDTH, top + sum(heights) + SCALE + 0.17 * lines(caption) + 0.3)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    for each, head, height, (wide, deep) in zip(found, heads, heights, sizes, strict=True):
        if each.block.factors:
            write_text(figure, MARGIN, top, each.block.label, fontsize=10, fontstyle="italic")
        draw_sheet(figure, each, top + head, wide, deep)
        top += height
    scale(figure, found[0].threshold, top)
    write_text(figure, MARGIN, top + SCALE, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def size(sheet: Sheet) -> tuple[float, float]:
    """Inches of a picture: width and height, in the images' own proportion."""
    count, _, height, width = sheet.images.shape
    wide = min((WIDTH - 2 * MARGIN - NAMES - GAP * (count - 1)) / count, LARGEST)
    return wide, wide * height / width


def draw_sheet(figure: Figure, sheet: Sheet, top: float, wide: float, deep: float) -> None:
    """The images under their classes, then a line of maps a row."""
    lefts = [MARGIN + NAMES + index * (wide + GAP) for index in range(len(sheet.images))]
    for left, image, target in zip(lefts, sheet.images, sheet.targets, strict=True):
        text = shortened(str(sheet.classes[target]), wide)
        picture(place(figure, left, top, wide, deep), np.moveaxis(fine(image), 0, -1))
        middle(figure, left + wide / 2, top - 0.07, text, va="bottom", fontsize=9, color=INK)
    write_text(figure, MARGIN, top + deep / 2, "image, its class above", fontsize=8.5, va="center", color=GREY)
    top += deep + GAP
    for each in sheet.rows:
        name_row(figure, sheet, each, top + deep / 2)
        for left, image, target, own, predicted in zip(
            lefts, sheet.images, sheet.targets, each.maps, each.predicted, strict=True
        ):
            axes = place(figure, left, top, wide, deep)
            overlay(axes, image, own, sheet.threshold)
            right = bool(predicted == target)
            text = RIGHT if right else f"{WRONG} {shortened(str(sheet.classes[predicted]), wide - 0.2)}"
            weight, colour = ("normal", GREY) if right else ("bold", INK)
            at = top + deep + 0.02
            middle(figure, left + wide / 2, at, text, va="top", fontsize=8.5, color=colour, fontweight=weight)
        top += deep + MARK


def name_row(figure: Figure, sheet: Sheet, shown: Maps, at: float) -> None:
    """A row's name, with its spread and regions over the seeds."""
    row = shown.row
    name = wrap(row.name.replace("_", "_ "), NAMES - 0.15, 9).replace("_ ", "_")
    parts = []
    for metric, unit in (("spread", " % of the map"), ("regions", " regions")):
        found = row.evaluations.get(f"{sheet.label}/{metric}")
        if found is not None:
            parts.append(f"{plus_minus(found.sample.mean, found.sample.std, 1 if metric == 'spread' else 2)}{unit}")
    if len({each.seed for each in sheet.rows}) > 1:
        parts.append(f"seed {shown.seed}")
    half = (0.155 * lines(name) + 0.145 * len(parts)) / 2
    weight = "bold" if row.baseline else "normal"
    write_text(figure, MARGIN, at - half, name, fontsize=9, fontweight=weight, linespacing=1.1)
    below = at - half + 0.165 * lines(name)
    write_text(figure, MARGIN, below, "\n".join(parts), fontsize=7.8, color=GREY, linespacing=1.25)


def middle(figure: Figure, x: float, y: float, text: str, **more: Any) -> None:
    """Text around a place in inches from the upper left corner."""
    write_text(figure, x, y, text, ha="center", **more)


def shortened(name: str, inches: float) -> str:
    """A class's name in the room over a picture."""
    most = max(3, int(inches * 72 / (0.58 * 9)))
    return name if len(name) <= most else f"{name[: most - 1]}…"


def picture(axes: Axes, image: np.ndarray) -> None:
    """An image (H, W, 3 or 1) in [0, 1], without axes."""
    axes.set_axis_off()
    axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="none")


def overlay(axes: Axes, image: np.ndarray, cam: np.ndarray, threshold: float) -> None:
    """The map's positive part from 0 to its maximum in colour over the image in grey, its area above the threshold
    within a line."""
    grey = fine(image).mean(0)
    large = upsampled(cam, grey.shape)
    value = np.clip(large / max(float(cam.max()), np.finfo(np.float32).tiny), 0, 1)
    picture(axes, blended(grey, value))
    if value.min() <= threshold < value.max():
        drawn = axes.contour(value, levels=[threshold], colors="white", linewidths=1.0)
        drawn.set_path_effects([withStroke(linewidth=2.2, foreground="black")])


def blended(grey: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of values in [0, 1] over greys."""
    colour = matplotlib.colormaps[COLOURS](value)[..., :3]
    mixed: np.ndarray = (1 - OPACITY) * grey[..., None] + OPACITY * colour
    return mixed


def fine(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) of bytes as numbers in [0, 1], its pixels repeated until it has `FINE` of them."""
    times = math.ceil(FINE / max(image.shape[1:]))
    return image.repeat(times, 1).repeat(times, 2) / 255


def upsampled(cells: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A map (h, w) at another size, bilinear between the middles of its cells, constant beyond the outermost."""
    down, across = (weights(old, new) for old, new in zip(cells.shape, shape, strict=True))
    large: np.ndarray = down @ cells @ across.T
    return large


def weights(old: int, new: int) -> np.ndarray:
    """(new, old): what each of `old` cells in a line gives to each of `new` ones."""
    at = (np.arange(new) + 0.5) * old / new - 0.5
    return np.stack([np.interp(at, np.arange(old), one) for one in np.eye(old)], axis=1)


def scale(figure: Figure, threshold: float, top: float) -> None:
    """The colours from 0 to a map's maximum, over white and over black, with the line at the threshold."""
    axes = place(figure, MARGIN + NAMES, top + 0.02, 2.6, 0.2)
    bands = blended(np.array([[1.0], [0.0]]), np.linspace(0, 1, 256)[None])
    axes.imshow(bands, aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    axes.grid(visible=False)
    axes.set_yticks([0.75, 0.25], ["over white", "over black"])
    axes.set_xticks([0, threshold, 1], ["0", f"{threshold:g}", "map's maximum"])
    axes.tick_params(labelsize=7.5, pad=2)
    axes.spines[:].set_visible(False)
    axes.axvline(threshold, color="black", linewidth=2.2)
    axes.axvline(threshold, color="white", linewidth=1.0)


def explanation(found: Sequence[Sheet]) -> str:
    """The caption: what map, of which cell, what the marks are, and which rows are not here."""
    seeds = {each.seed for one in found for each in one.rows}
    arguments = found[0].label.partition("[")[2].rstrip("]")
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
