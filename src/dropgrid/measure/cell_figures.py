"""Every figure of one cell, for the loggers that show images."""

from collections.abc import Mapping, Sequence
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
    kept = read_predictions(folder)
    found, masks = draw_cell_figures(folder, name, kept, classes, tests), masks_of(kept, classes, tests)
    for logger in loggers:
        for each, drawn in found.items():
            logger.image(each, drawn)
        if masks is not None:
            logger.masks(masks)


def read_predictions(folder: Path) -> Mapping[str, np.ndarray]:
    """Return what a cell kept of its outputs on the test images; nothing if it did not finish."""
    path = RunFolder(folder).predictions
    return read_arrays(path, "train the cell again") if path.exists() else {}


def draw_cell_figures(
    folder: Path,
    name: str,
    kept: Mapping[str, np.ndarray],
    classes: Sequence[str] | None,
    tests: Split | None,
) -> dict[str, bytes]:
    """Return PNGs by name: the figures of recorded diagnostics, and the confusion matrix of kept predictions.

    With the test images (`tests`) it also draws examples, if the network was tested on all of them and every logit is
    finite. Without `classes`, classes are shown by number. Of masks it draws the first ones, with the test images.
    """
    found = {f"diagnosis/{option}": png(figure) for option, figure in draw_recorded_figures({name: folder}).items()}
    if not kept:
        return found
    if "pictures" in kept:
        shown = masks_of(kept, classes, tests)
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


def masks_of(kept: Mapping[str, np.ndarray], classes: Sequence[str] | None, tests: Split | None) -> Masks | None:
    """Return the first test images with masks and predicted masks, if these were kept and the data are in memory."""
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
