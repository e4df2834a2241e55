"""Every figure of one cell, for the loggers that show images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dropgrid.data.split import Memory, Split
from dropgrid.measure import prediction_figures
from dropgrid.measure.recorded_figures import draw_recorded_figures
from dropgrid.plotting.style import png
from dropgrid.store.arrays import read_arrays
from dropgrid.store.layout import RunFolder


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
        return found | (mask_figures(kept["pictures"], classes, tests) if tests is not None else {})
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


def mask_figures(masks: np.ndarray, classes: Sequence[str] | None, tests: Split) -> dict[str, bytes]:
    """Return the figure of the first test images, their masks and the predicted ones, if the data are in memory."""
    if not isinstance(tests, Memory):
        return {}
    first = tests.select(torch.arange(len(masks)))
    images, wanted = (np.asarray(each.cpu()) for each in (first.images, first.labels))
    named = classes or [str(each) for each in range(int(max(masks.max(), wanted.max())) + 1)]
    return {"predictions/masks": png(prediction_figures.draw_masks(images, wanted, masks, named))}


def split_image(split: Split, place: int) -> np.ndarray:
    """Return one image of a split, uint8 (C, H, W)."""
    found = split.select(torch.tensor([place])).images[0] if isinstance(split, Memory) else split[place][0]
    return np.asarray(found.cpu())
