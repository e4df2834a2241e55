"""What one finished cell took its test images for: the confusion matrix, and examples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from dropgrid.plotting.layout import FigureSection, assemble_figure
from dropgrid.plotting.style import GREEN, INK, MARGIN, VERMILLION, place
from dropgrid.plotting.text import shorten, shorten_lines, text_height, text_width, wrap, write_text

WIDTH = 7.5
"""Inches: a logger shows it smaller than a page."""

NUMBERED = 20
"""Classes of a matrix, at most, whose cells tell their numbers."""

CLASS, CLASS_WIDTH = 8.0, 1.5
"""Points of a class's name beside the matrix, and its inches at most."""

ACROSS, LINES = 8, 2
"""Examples in a line, and lines of each kind."""

EXAMPLE, AIR = 7.0, 0.06
"""Points of the text under an example, inches between two."""


def confusion(logits: np.ndarray, targets: np.ndarray, classes: Sequence[str]) -> Figure:
    """Of the images (N,) of each class, the share taken for each: rows sum to 100 %.

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
        axes = place(figure, left, top, side, side)
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
    """Each row's shares in percent as shades, and as numbers if there is room."""
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


def examples(logits: np.ndarray, targets: np.ndarray, classes: Sequence[str], chosen: dict[int, np.ndarray]) -> Figure:
    """The first test images and those of the greatest loss, each with what it was taken for and how surely.

    Args:
        logits, targets, classes: as of `confusion`.
        chosen: image uint8 (C, H, W) by its place, of those that `worth_showing` names.
    """
    sure = 100 * softmax(logits.astype(np.float64), axis=1)
    first, worst = worth_showing(logits, targets)

    def section(label: str, places: Sequence[int]) -> FigureSection:
        taken = [int(logits[each].argmax()) for each in places]
        words = [
            in_words(classes[found], float(sure[each, found]), classes[targets[each]])
            for each, found in zip(places, taken, strict=True)
        ]
        return image_rows(label, [(chosen[each], *own) for each, own in zip(places, words, strict=True)])

    sections = [section("First of the test set", first), section("Greatest loss", worst)]
    return assemble_figure("Test images and what they are taken for", sections, "", width=WIDTH)


def in_words(found: str, sure: float, target: str) -> tuple[str, bool]:
    """What an image was taken for and, if it is something else, what it is; and whether that is right."""
    side = (WIDTH - 2 * MARGIN) / ACROSS - AIR
    share = f" ({sure:.0f} %)".replace(" %", "\N{NO-BREAK SPACE}%")
    taken = wrap(shorten_lines(found, side, 2, EXAMPLE).replace("\n", " ") + share, side, EXAMPLE)
    taken = taken.replace("\N{NO-BREAK SPACE}", " ")
    right = found == target
    return taken if right else f"{taken}\n{shorten_lines(f'is {target}', side, 2, EXAMPLE)}", right


def image_rows(label: str, shown: Sequence[tuple[np.ndarray, str, bool]]) -> FigureSection:
    """Images side by side, each with its text below, green if it is right."""
    pitch = (WIDTH - 2 * MARGIN) / ACROSS
    side = pitch - AIR
    deep = side + max((text_height(text, EXAMPLE) for _, text, _ in shown), default=0.0) + 0.1

    def paint(figure: Figure, top: float) -> None:
        for index, (image, text, right) in enumerate(shown):
            down, across = divmod(index, ACROSS)
            left, upper = MARGIN + across * pitch, top + down * deep
            draw_image(place(figure, left, upper, side, side), image)
            colour = GREEN if right else VERMILLION
            write_text(figure, left, upper + side + 0.03, text, fontsize=EXAMPLE, color=colour)

    return FigureSection(label, -(-len(shown) // ACROSS) * deep + 0.05, paint)


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """An image (C, H, W), grey or colour."""
    axes.set_axis_off()
    if len(image) == 3:
        axes.imshow(np.moveaxis(image, 0, -1), interpolation="nearest")
    else:
        axes.imshow(image[0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def worth_showing(logits: np.ndarray, targets: np.ndarray) -> tuple[list[int], list[int]]:
    """Places of the first images, and of those whose class was thought least likely."""
    shown = ACROSS * LINES
    chance = softmax(logits.astype(np.float64), axis=1)[np.arange(len(targets)), targets]
    return list(range(min(shown, len(targets)))), [int(each) for each in np.argsort(chance, kind="stable")[:shown]]
