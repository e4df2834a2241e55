"""What each test image adds to a cell's metric: 1 if the cell classifies it correctly, a share that was given, or the
value by which the metric's jackknife counts it."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from dropgrid.errors import UserError
from dropgrid.store.arrays import read_arrays
from dropgrid.store.cell import Cell
from dropgrid.store.published_values import ImageValues, values_of
from dropgrid.tasks.description import CLASSIFICATION, SEGMENTATION

WEIGHTS = {task.metric("test", each): each for task in (CLASSIFICATION, SEGMENTATION) for each in ("last", "best")}
"""Metric -> the weights whose predictions give it."""

ByRow = dict[str, dict[int, np.ndarray]]
"""row -> seed -> (E,) bool, shares, or jackknife values."""


def image_values_by_row(rows: Mapping[str, Sequence[Cell]], metric: str) -> ByRow | None:
    """Return row -> seed -> what each test image adds; None if a cell lacks predictions or the test images differ."""
    found: ByRow = {}
    images = None
    for row, cells in rows.items():
        for cell in cells:
            each = images_of(cell, metric)
            if each is None or images not in (None, each.images):
                return None
            images = each.images
            found.setdefault(row, {})[cell.seed] = each.values
    return found


def images_of(cell: Cell, metric: str) -> ImageValues | None:
    """Return what each test image adds to a metric of a cell; None if that is not known."""
    if metric in WEIGHTS:
        return image_values(cell, WEIGHTS[metric])
    measured = cell.evaluations.get(metric)
    return measured and measured.images


def image_values(cell: Cell, weights: str) -> ImageValues | None:
    """Return what each test image adds to a cell's headline: by its logits, or as kept; None if it has neither."""
    there = read_predictions(cell, weights)
    if there is not None:
        logits, targets = there
        digest = hashlib.sha256(targets.astype("<i8").tobytes()).hexdigest()[:16]
        return ImageValues(logits.argmax(1) == targets, digest)
    kept = read_prediction_arrays(cell, [values_of(weights), "images"])
    return None if kept is None else ImageValues(kept[values_of(weights)], str(kept["images"]))


def read_predictions(cell: Cell, weights: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return logits (E, C) and targets (E,) of the test images, by the last or best weights; None if unreadable."""
    found = read_prediction_arrays(cell, [weights, "targets"])
    return None if found is None else (found[weights], found["targets"])


def read_prediction_arrays(cell: Cell, names: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Return some arrays of a cell's predictions; None if one is missing, or the file is unreadable."""
    try:
        return read_arrays(cell.run.predictions, "train the cell again", names)
    except UserError:
        return None
