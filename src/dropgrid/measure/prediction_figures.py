"""Figures of one finished cell's predictions: the confusion matrix, and examples."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from dropgrid.plotting.layout import FigureSection, assemble_figure
from dropgrid.plotting.style import GREEN, INK, MARGIN, VERMILLION, place_axes
from dropgrid.plotting.text import shorten, shorten_lines, text_height, text_width, wrap, write_text

WIDTH = 7.5
"""Inches: a logger shows it smaller than a page."""

NUMBERED = 20
"""The most classes of a matrix with numbers in its cells."""

CLASS, CLASS_WIDTH = 8.0, 1.5
"""Font size in points of class names beside the matrix, and their largest width in inches."""

ACROSS, LINES = 8, 2
"""Examples per line, and lines of each kind."""

EXAMPLE, AIR = 7.0, 0.06
"""Font size in points of the text under an example, and inches between two examples."""


def draw_confusion(logits: np.ndarray, targets: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the confusion matrix of N images: the share of each class (row) predicted as each class; rows sum to 100 %.

    Args:
        logits: (N, K).
        targets: int (N,).
        classes: the K names.
    """
    count = len(classes)
    counts = np.zeros((count, count), dtype=int)
    np.add.at(counts, (targets, logits.argmax(1)), 1)
    named = [shorten(each, CLASS_WIDTH, CLASS) for each in classes] if count <= NUMBERED else []
    names = max((text_width(each, CLASS) for each in named), default=0.2)
    left = MARGIN + names + 0.45
    side = WIDTH - 2 * MARGIN - names - 0.45

    def paint(figure: Figure, top: float) -> None:
        axes = place_axes(figure, left, top, side, side)
        draw_matrix(axes, counts)
        if named:
            axes.set_xticks(range(count), named, rotation=45, ha="right", rotation_mode="anchor", fontsize=CLASS)
            axes.set_yticks(range(count), named, fontsize=CLASS)

    right = 100 * counts.trace() / max(1, counts.sum())
    title = f"{right:.2f} % of {counts.sum():,} test images right"
    below = 0.75 * names + 0.6
    return assemble_figure(
        title, [FigureSection("", side + below, paint)], "Percent of a class's images; empty: none.", width=WIDTH
    )


def draw_matrix(axes: Axes, counts: np.ndarray) -> None:
    """Draw each row's shares in percent as shades, and as numbers if there is room."""
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.grid(visible=False)
    axes.set(xlabel="taken for", ylabel="is")
    if len(counts) > NUMBERED:
        return
    for (row, column), share in np.ndenumerate(shares):
        if counts[row, column]:
            colour = "white" if share > 50 else INK
            axes.text(column, row, f"{share:.3g}", ha="center", va="center", fontsize=7, color=colour)


def draw_examples(
    logits: np.ndarray, targets: np.ndarray, classes: Sequence[str], chosen: dict[int, np.ndarray]
) -> Figure:
    """Draw the first test images and those with the highest loss, each with its prediction and confidence.

    Args:
        logits, targets, classes: see `draw_confusion`.
        chosen: place -> image, uint8 (C, H, W), for the places that `choose_examples` returns.
    """
    sure = 100 * softmax(logits.astype(np.float64), axis=1)
    first, worst = choose_examples(logits, targets)

    def section(label: str, places: Sequence[int]) -> FigureSection:
        taken = [int(logits[each].argmax()) for each in places]
        words = [
            describe_prediction(classes[found], float(sure[each, found]), classes[targets[each]])
            for each, found in zip(places, taken, strict=True)
        ]
        return image_rows(label, [(chosen[each], *own) for each, own in zip(places, words, strict=True)])

    sections = [section("First of the test set", first), section("Greatest loss", worst)]
    return assemble_figure("Test images and what they are taken for", sections, "", width=WIDTH)


def describe_prediction(found: str, sure: float, target: str) -> tuple[str, bool]:
    """Return the text under an example (prediction, confidence, the true class if wrong), and whether it is right."""
    side = (WIDTH - 2 * MARGIN) / ACROSS - AIR
    share = f" ({sure:.0f} %)".replace(" %", "\N{NO-BREAK SPACE}%")
    taken = wrap(shorten_lines(found, side, 2, EXAMPLE).replace("\n", " ") + share, side, EXAMPLE)
    taken = taken.replace("\N{NO-BREAK SPACE}", " ")
    right = found == target
    return taken if right else f"{taken}\n{shorten_lines(f'is {target}', side, 2, EXAMPLE)}", right


def image_rows(label: str, shown: Sequence[tuple[np.ndarray, str, bool]]) -> FigureSection:
    """Return a section of images side by side, each with its text below, green if the prediction is right."""
    pitch = (WIDTH - 2 * MARGIN) / ACROSS
    side = pitch - AIR
    deep = side + max((text_height(text, EXAMPLE) for _, text, _ in shown), default=0.0) + 0.1

    def paint(figure: Figure, top: float) -> None:
        for index, (image, text, right) in enumerate(shown):
            down, across = divmod(index, ACROSS)
            left, upper = MARGIN + across * pitch, top + down * deep
            draw_image(place_axes(figure, left, upper, side, side), image)
            colour = GREEN if right else VERMILLION
            write_text(figure, left, upper + side + 0.03, text, fontsize=EXAMPLE, color=colour)

    return FigureSection(label, -(-len(shown) // ACROSS) * deep + 0.05, paint)


MASK_COLOURS = "tab20"
"""The colormap of masks: 20 colours, then they begin again; the background is black, and what has no class white."""


def draw_masks(images: np.ndarray, wanted: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw images, and below each its mask and the predicted one.

    Args:
        images: uint8 (N, C, H, W).
        wanted, predicted: uint8 (N, H, W), in which 0 is the background.
        classes: the names, of the background first.
    """
    pitch = (WIDTH - 2 * MARGIN) / ACROSS
    side = pitch - AIR

    def lines(first: int) -> FigureSection:
        shown = range(first, min(first + ACROSS, len(images)))

        def paint(figure: Figure, top: float) -> None:
            for column, index in enumerate(shown):
                for row, each in enumerate((images[index], coloured(wanted[index]), coloured(predicted[index]))):
                    draw_image(place_axes(figure, MARGIN + column * pitch, top + row * pitch, side, side), each)

        return FigureSection("Image, mask, predicted mask" if first == 0 else "", 3 * pitch + 0.05, paint)

    def legend(figure: Figure, top: float) -> None:
        for place, name in enumerate(classes[1:]):
            down, across = divmod(place, ACROSS)
            colour = coloured(np.array([[place + 1]]))[:, 0, 0] / 255
            text = shorten(name, pitch - AIR, EXAMPLE)
            write_text(figure, MARGIN + across * pitch, top + 0.2 * down, text, fontsize=EXAMPLE, color=colour)

    deep = 0.2 * -(-(len(classes) - 1) // ACROSS) + 0.1
    sections = [lines(first) for first in range(0, len(images), ACROSS)]
    return assemble_figure("First test images", [*sections, FigureSection("Classes", deep, legend)], "", width=WIDTH)


def coloured(mask: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) as colours, uint8 (3, H, W)."""
    table = (255 * colormaps[MASK_COLOURS](np.arange(254) % 20)[:, :3]).astype(np.uint8)
    black, white = np.zeros((1, 3), np.uint8), np.full((1, 3), 255, np.uint8)
    return np.moveaxis(np.concatenate([black, table, white])[mask], -1, 0)


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image (C, H, W), grey or colour."""
    axes.set_axis_off()
    if len(image) == 3:
        axes.imshow(np.moveaxis(image, 0, -1), interpolation="nearest")
    else:
        axes.imshow(image[0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def choose_examples(logits: np.ndarray, targets: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the places of the first images, and of those whose true class got the lowest probability."""
    shown = ACROSS * LINES
    chance = softmax(logits.astype(np.float64), axis=1)[np.arange(len(targets)), targets]
    return list(range(min(shown, len(targets)))), [int(each) for each in np.argsort(chance, kind="stable")[:shown]]
