"""Which test images each cell classified rightly, from its predictions."""

from collections.abc import Mapping, Sequence

import numpy as np

from dropgrid.errors import UserError
from dropgrid.store.arrays import read_arrays
from dropgrid.store.cell import Cell

WEIGHTS = {"test/acc_last": "last", "test/acc_best": "best"}
"""Metric -> the weights whose predictions give it."""

Correct = dict[str, dict[int, np.ndarray]]
"""row -> seed -> (E,) bool."""


def correct(rows: Mapping[str, Sequence[Cell]], metric: str) -> Correct | None:
    """Row -> seed -> what was right; None if a cell lacks it or cells were tested on different images."""
    if metric not in WEIGHTS:
        return None
    found: Correct = {}
    targets = None
    for row, cells in rows.items():
        for cell in cells:
            read = predictions(cell, WEIGHTS[metric])
            if read is None:
                return None
            logits, labels = read
            if targets is not None and not np.array_equal(labels, targets):
                return None
            targets = labels
            found.setdefault(row, {})[cell.seed] = logits.argmax(1) == labels
    return found


def predictions(cell: Cell, weights: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits (E, C) and targets (E,) of the test images, by the last or the best weights; None if unreadable."""
    try:
        found = read_arrays(cell.run.predictions, "train the cell again", [weights, "targets"])
    except UserError:
        return None
    return found[weights], found["targets"]
