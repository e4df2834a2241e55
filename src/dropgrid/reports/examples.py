"""Which test images each cell classified rightly, from its predictions."""

import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from dropgrid.reports.cells import Cell

WEIGHTS = {"test/acc_last": "last", "test/acc_best": "best"}
"""Of which weights the predictions give a metric."""

Correct = dict[str, dict[int, np.ndarray]]
"""row -> seed -> (E,) bool."""


def correct(rows: Mapping[str, Sequence[Cell]], metric: str) -> Correct | None:
    """Row -> seed -> what was right; None where a cell lacks it or cells were tested on different images."""
    if metric not in WEIGHTS:
        return None
    found: Correct = {}
    targets = None
    for row, cells in rows.items():
        for cell in cells:
            try:
                with open(cell.folder / "predictions.npz", "rb") as opened, np.load(opened) as file:
                    logits, labels = file[WEIGHTS[metric]], file["targets"]
            except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
                return None
            if targets is not None and not np.array_equal(labels, targets):
                return None
            targets = labels
            found.setdefault(row, {})[cell.seed] = logits.argmax(1) == labels
    return found
