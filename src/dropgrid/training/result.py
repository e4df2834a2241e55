"""What every training writes: rows to its loggers, and at the end the result that vouches for its files."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dropgrid.files import file_hash, sync_files
from dropgrid.instantiate import instantiate
from dropgrid.loggers.csv import Csv
from dropgrid.loggers.logger import AbstractLogger
from dropgrid.store.environment import IN_RESULTS, environment
from dropgrid.store.files import write_json, write_json_once
from dropgrid.store.identity import FORMAT
from dropgrid.store.layout import RunFolder
from dropgrid.store.records import seal


def open_loggers(cell: Mapping[str, Any], folder: Path) -> list[AbstractLogger]:
    """Our own metrics file, and the logger chosen beside it."""
    about = {k: cell[k] for k in ("id", "name", "ablation", "row", "config")}
    chosen = instantiate("logger", cell["local"]["logger"])(folder=folder, cell=about)
    return [chosen] if isinstance(chosen, Csv) else [Csv(folder=folder, cell=about), chosen]


def write_result(
    cell: Mapping[str, Any], run: RunFolder, device: torch.device, found: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write environment.json, and last, when all is on disk, the result; return it.

    Args:
        found: what was measured; its `timing` goes after what is compared bit for bit.
        about: `started` and `attempts`, of its provenance.
    """
    machine = environment(device, cell["config"])
    write_json(run.environment, machine)
    sync_files([path for path in [run.metrics] if path.exists()])  # the others were written durably
    result = {
        "format": FORMAT,
        "cell": cell["id"],
        "seed": cell["config"]["seed"],
        **found,
        "files": {path.name: hashed for path in run.hashed if (hashed := file_hash(path))},
        "reproduce": cell["reproduce"],
        "provenance": {
            **{key: machine[key] for key in IN_RESULTS},
            **{key: cell[key] for key in ("ablation", "row")},
            **about,
            "finished": time.time(),
        },
    }
    write_json_once(run.result, {**result, "seal": seal(result)})
    return result


def finite(value: float | None) -> float | None:
    """The value, or None where it is no number: JSON has no nan."""
    return value if value is not None and math.isfinite(value) else None
