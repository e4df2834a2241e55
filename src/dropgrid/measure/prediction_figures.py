"""What one finished cell took its test images for: the confusion matrix, and examples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from dropgrid.plotting.style import GREEN, GREY, INK, VERMILLION, canvas, place, style, write_text

MARGIN, WIDTH = 0.3, 7.5
"""Inches."""

NUMBERED = 20
"""Classes of a matrix, at most, whose cells tell their numbers."""

ACROSS, LINES = 8, 2
"""Examples in a line, and lines of each kind."""

MARK, HEAD = 0.36, 0.3
"""Inches: under an example what it was taken for, above the lines of a kind its name."""


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
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = WIDTH - MARGIN - 1.6
    with style():
        figure = canvas(WIDTH, side + 1.7)
        right = 100 * counts.trace() / max(1, counts.sum())
        title = f"{right:.2f} % of {counts.sum():,} test images right"
        write_text(figure, MARGIN, MARGIN, title, fontsize=12, fontweight="bold")
        axes = place(figure, 1.3, 0.75, side, side)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        axes.grid(visible=False)
        axes.set(xlabel="taken for", ylabel="is")
        if count <= NUMBERED:
            axes.set_xticks(range(count), classes, rotation=45, ha="right")
            axes.set_yticks(range(count), classes)
            for (row, column), share in np.ndenumerate(shares):
                if counts[row, column]:
                    colour = "white" if share > 50 else INK
                    axes.text(column, row, f"{share:.3g}", ha="center", va="center", fontsize=7, color=colour)
        write_text(figure, MARGIN, side + 1.45, "Percent of a class's images; empty: none.", fontsize=8, color=GREY)
    return figure


def examples(logits: np.ndarray, targets: np.ndarray, classes: Sequence[str], chosen: dict[int, np.ndarray]) -> Figure:
    """The first test images and those of the greatest loss, each with what it was taken for and how surely.

    Args:
        logits, targets, classes: as of `confusion`.
        chosen: image uint8 (C, H, W) by its place, of those that `worth_showing` names.
    """
    sure = softmax(logits.astype(np.float64), axis=1)
    first, worst = worth_showing(logits, targets)
    side = (WIDTH - 2 * MARGIN) / ACROSS
    kinds = {"First of the test set": first, "Greatest loss": worst}
    deep = HEAD + LINES * (side + MARK)
    with style():
        figure = canvas(WIDTH, MARGIN + len(kinds) * deep)
        for number, (name, places) in enumerate(kinds.items()):
            top = MARGIN + number * deep
            write_text(figure, MARGIN, top, name, fontsize=10, fontweight="bold")
            for index, each in enumerate(places):
                line, column = divmod(index, ACROSS)
                upper = top + HEAD + line * (side + MARK)
                axes = place(figure, MARGIN + column * side + 0.04, upper, side - 0.08, side - 0.08)
                show(axes, chosen[each])
                found = int(logits[each].argmax())
                right = found == targets[each]
                text = f"{classes[found]} ({100 * sure[each, found]:.0f} %)"
                text += "" if right else f"\nis {classes[targets[each]]}"
                given = {"fontsize": 7, "color": GREEN if right else VERMILLION}
                write_text(figure, MARGIN + column * side + 0.04, upper + side - 0.06, text, **given)
    return figure


def show(axes: Axes, image: np.ndarray) -> None:
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
