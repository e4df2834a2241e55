"""Every figure of one cell, for the loggers that show images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dropgrid.data.split import NO_CLASS, Memory, Split
from dropgrid.loggers.logger import AbstractLogger, Masks
from dropgrid.measure import prediction_figures
from dropgrid.measure.recorded_figures import draw_recorded_figures
from dropgrid.plotting.style import png
from dropgrid.store.arrays import read_arrays
from dropgrid.store.layout import RunFolder


def show_cell(
    loggers: Sequence[AbstractLogger], folder: Path, name: str, classes: Sequence[str] | None, tests: Split | None
) -> None:
    """Hand a finished cell's figures, and its masks if it has any, to loggers."""
    found, masks = draw_cell_figures(folder, name, classes, tests), masks_of_cell(folder, classes, tests)
    for logger in loggers:
        for each, drawn in found.items():
            logger.image(each, drawn)
        if masks is not None:
            logger.masks(masks)


def draw_cell_figures(folder: Path, name: str, classes: Sequence[str] | None, tests: Split | None) -> dict[str, bytes]:
    """Return PNGs by name: the figures of recorded diagnostics, and a finished cell's confusion matrix.

    With the test images (`tests`) it also draws examples, if the network was tested on all of them and every logit is
    finite. Without `classes`, classes are shown by number. Of masks it draws the first ones, with the test images.
    """
    found = {f"diagnosis/{option}": png(figure) for option, figure in draw_recorded_figures({name: folder}).items()}
    path = RunFolder(folder).predictions
    if not path.exists():
        return found
    kept = read_arrays(path, "train the cell again")
    if "pictures" in kept:
        shown = masks_of_cell(folder, classes, tests)
        return found | ({"predictions/masks": png(prediction_figures.draw_masks(*shown))} if shown else {})
    logits, targets = kept["last"], kept["targets"]
    if not np.isfinite(logits).all():
        return found
    classes = classes or [str(each) for each in range(logits.shape[-1])]
    found["predictions/confusion"] = png(prediction_figures.draw_confusion(logits, targets, classes))
    if tests is not None and len(tests) == len(targets):
        places = sorted({place for each in prediction_figures.choose_examples(logits, targets) for place in each})
        chosen = {place: split_image(tests, place) for place in places}
        found["predictions/examples"] = png(prediction_figures.draw_examples(logits, targets, classes, chosen))
    return found


def masks_of_cell(folder: Path, classes: Sequence[str] | None, tests: Split | None) -> Masks | None:
    """Return the first test images of a finished cell, their masks and the predicted ones, if it has any and the data
    are in memory."""
    path = RunFolder(folder).predictions
    kept = read_arrays(path, "train the cell again") if path.exists() else {}
    if "pictures" not in kept or not isinstance(tests, Memory):
        return None
    predicted = kept["pictures"]
    first = tests.select(torch.arange(len(predicted)))
    images, wanted = (np.asarray(each.cpu()) for each in (first.images, first.labels))
    named = classes or [str(each) for each in range(int(max(predicted.max(), wanted[wanted != NO_CLASS].max())) + 1)]
    return Masks(images, wanted, predicted, named)


def split_image(split: Split, place: int) -> np.ndarray:
    """Return one image of a split, uint8 (C, H, W)."""
    found = split.select(torch.tensor([place])).images[0] if isinstance(split, Memory) else split[place][0]
    return np.asarray(found.cpu())
