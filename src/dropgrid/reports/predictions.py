"""What each test image adds to a cell's metric: 1 if the cell classifies it correctly, or a share that was given."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from dropgrid.errors import UserError
from dropgrid.store.arrays import read_arrays
from dropgrid.store.cell import Cell
from dropgrid.store.published_values import CorrectImages, right_of

WEIGHTS = {"test/acc_last": "last", "test/acc_best": "best"}
"""Metric -> the weights whose predictions give it."""

Correct = dict[str, dict[int, np.ndarray]]
"""row -> seed -> (E,) bool, or shares."""


def correct_by_row(rows: Mapping[str, Sequence[Cell]], metric: str) -> Correct | None:
    """Return row -> seed -> correct images; None if a cell lacks predictions or the test images differ."""
    found: Correct = {}
    images = None
    for row, cells in rows.items():
        for cell in cells:
            each = images_of(cell, metric)
            if each is None or images not in (None, each.images):
                return None
            images = each.images
            found.setdefault(row, {})[cell.seed] = each.right
    return found


def images_of(cell: Cell, metric: str) -> CorrectImages | None:
    """Return what each test image adds to a metric of a cell; None if that is not known."""
    if metric in WEIGHTS:
        return correct_images(cell, WEIGHTS[metric])
    measured = cell.evaluations.get(metric)
    return measured and measured.images


def correct_images(cell: Cell, weights: str) -> CorrectImages | None:
    """Return which test images a cell gets right, by its logits or as published; None if it has neither."""
    there = read_predictions(cell, weights)
    if there is not None:
        logits, targets = there
        digest = hashlib.sha256(targets.astype("<i8").tobytes()).hexdigest()[:16]
        return CorrectImages(logits.argmax(1) == targets, digest)
    kept = read_prediction_arrays(cell, [right_of(weights), "images"])
    return None if kept is None else CorrectImages(kept[right_of(weights)], str(kept["images"]))


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
