"""One evaluation of one cell, in a process of its own."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dropgrid.evaluations.subject import DoesNotApply, load
from dropgrid.instantiate import call, instantiate
from dropgrid.runs.environment import environment
from dropgrid.runs.folder import write_json


def measure(job: Mapping[str, Any], folder: Path) -> None:
    """Measure a cell, and leave the result beside `folder`, which holds the log, as `<folder>.json`.

    Args:
        job: an option's name, its label, its node and the weights; see `dropgrid.evaluate.Evaluation`.
        folder: `evaluations/<hash>` in the cell's own.
    """
    began = time.time()
    subject = load(folder.parents[1], job["weights"])
    note, found = None, {}
    try:
        found = call("evaluate", instantiate("evaluate", {**job["node"], "_partial_": True}), subject)
    except DoesNotApply as error:
        note = str(error)
    about = environment(subject.device)
    result = {
        "evaluate": job["label"],
        "config": {"evaluate": job["name"], **job["node"]},
        "weights": job["weights"],
        "metrics": {name: each.value for name, each in found.items()},
        "headings": {name: [each.label, each.unit] for name, each in found.items()},
        "note": note,
        "provenance": {key: about[key] for key in ("device", "source", "versions", "host")},
        "seconds": time.time() - began,
    }
    write_json(folder.with_suffix(".json"), result)
