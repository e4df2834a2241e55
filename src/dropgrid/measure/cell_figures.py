"""Every figure of one cell, for the loggers that show images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dropgrid.data.split import Memory, Split
from dropgrid.measure import prediction_figures
from dropgrid.measure.recorded_figures import recorded_figures
from dropgrid.plotting.style import png
from dropgrid.store.arrays import read_arrays
from dropgrid.store.layout import RunFolder


def cell_figures(folder: Path, name: str, classes: Sequence[str] | None, tests: Split | None) -> dict[str, bytes]:
    """PNGs by name: what a diagnosis recorded, and of a finished cell its confusion matrix.

    With the test images (`tests`) examples too, if the net was tested on all of them and every logit is finite.
    Classes that have no names here (`classes` None) are shown by number.
    """
    found = {f"diagnosis/{option}": png(figure) for option, figure in recorded_figures({name: folder}).items()}
    path = RunFolder(folder).predictions
    if not path.exists():
        return found
    kept = read_arrays(path, "train the cell again", ["last", "targets"])
    logits, targets = kept["last"], kept["targets"]
    if not np.isfinite(logits).all():
        return found
    classes = classes or [str(each) for each in range(logits.shape[-1])]
    found["predictions/confusion"] = png(prediction_figures.confusion(logits, targets, classes))
    if tests is not None and len(tests) == len(targets):
        places = sorted({place for each in prediction_figures.worth_showing(logits, targets) for place in each})
        chosen = {place: split_image(tests, place) for place in places}
        found["predictions/examples"] = png(prediction_figures.examples(logits, targets, classes, chosen))
    return found


def split_image(split: Split, place: int) -> np.ndarray:
    """Return one image of a split, uint8 (C, H, W)."""
    found = split.select(torch.tensor([place])).images[0] if isinstance(split, Memory) else split[place][0]
    return np.asarray(found.cpu())
