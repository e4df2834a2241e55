"""Run one evaluation of one cell, in a separate process."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.files import file_hash
from dropgrid.instantiate import call, instantiate
from dropgrid.measure.trained_cell import DoesNotApply, MeasureResult, load_trained_cell
from dropgrid.store.arrays import write_arrays
from dropgrid.store.environment import IN_RESULTS, environment
from dropgrid.store.files import write_json
from dropgrid.store.layout import EvaluationFolder


def evaluate_cell(job: Mapping[str, Any], folder: Path) -> None:
    """Run an evaluation of a cell and write its result to `<folder>.json`; `folder` holds the log.

    Arrays go to `<folder>.npz`, which is written first: if there is a result, its arrays are complete.

    Args:
        job: an option's name, its label, its node and the weights; see `dropgrid.planning.evaluations.Evaluation`.
        folder: `evaluations/<hash>` in the cell's folder.
    """
    began = time.time()
    place = EvaluationFolder(folder)
    cell = load_trained_cell(place.run.folder, job["weights"])
    note, found = None, {}
    arrays: dict[str, Any] = {}
    try:
        if not all(bool(each.isfinite().all()) for each in cell.network.parameters()):
            raise DoesNotApply("training diverged: its weights are not finite")
        made = call("evaluate", instantiate("evaluate", job["node"]), cell)
        found, arrays = made if isinstance(made, MeasureResult) else (made, {})
    except DoesNotApply as error:
        note = str(error)
    about = environment(cell.device, {**cell.config, "evaluate": job["node"]})
    result = {
        "evaluate": job["label"],
        "cell": place.run.folder.name,
        "config": {"evaluate": job["name"], **job["node"]},
        "weights": job["weights"],
        "metrics": {name: each.value for name, each in found.items()},
        "headings": {name: [each.label, each.unit] for name, each in found.items()},
        "arrays": list(arrays),
        "note": note,
        "provenance": {key: about[key] for key in IN_RESULTS},
        "seconds": time.time() - began,
    }
    if arrays:
        write_arrays(place.arrays, arrays)
        result["files"] = {place.arrays.name: file_hash(place.arrays)}
    write_json(place.result, result)
