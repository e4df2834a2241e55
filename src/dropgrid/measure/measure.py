"""One evaluation of one cell, in a process of its own."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dropgrid.files import write_atomically
from dropgrid.instantiate import call, instantiate
from dropgrid.measure.subject import DoesNotApply, Found, load
from dropgrid.store.environment import environment
from dropgrid.store.records import write_json


def measure(job: Mapping[str, Any], folder: Path) -> None:
    """Measure a cell, and leave the result beside `folder`, which holds the log, as `<folder>.json`.

    Arrays that the evaluation found are in `<folder>.npz`, written before: where there is a result they are whole.

    Args:
        job: an option's name, its label, its node and the weights; see `dropgrid.planning.evaluations.Evaluation`.
        folder: `evaluations/<hash>` in the cell's own.
    """
    began = time.time()
    subject = load(folder.parents[1], job["weights"])
    note, found = None, {}
    arrays: dict[str, Any] = {}
    try:
        if not all(bool(each.isfinite().all()) for each in subject.network.parameters()):
            raise DoesNotApply("training diverged: its weights are not finite")
        made = call("evaluate", instantiate("evaluate", job["node"]), subject)
        found, arrays = made if isinstance(made, Found) else (made, {})
    except DoesNotApply as error:
        note = str(error)
    about = environment(subject.device)
    result = {
        "evaluate": job["label"],
        "config": {"evaluate": job["name"], **job["node"]},
        "weights": job["weights"],
        "metrics": {name: each.value for name, each in found.items()},
        "headings": {name: [each.label, each.unit] for name, each in found.items()},
        "arrays": list(arrays),
        "note": note,
        "provenance": {key: about[key] for key in ("device", "source", "versions", "host")},
        "seconds": time.time() - began,
    }
    if arrays:
        write_atomically(folder.with_suffix(".npz"), lambda beside: np.savez_compressed(beside, **arrays))
    write_json(folder.with_suffix(".json"), result)
