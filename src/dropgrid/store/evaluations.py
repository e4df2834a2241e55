"""What evaluations of a finished cell have left in its folder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dropgrid.errors import UserError
from dropgrid.store import schemas
from dropgrid.store.files import read_json

SHARE = "%"
"""The unit of a value in [0, 1]."""


class Measured(NamedTuple):
    """A number, what it is called, and its unit: `%` of a share in [0, 1], `nats`, or nothing."""

    value: float
    heading: str
    unit: str


def measured(folder: Path) -> dict[str, Measured]:
    """`<evaluation>/<metric>` -> what is under a cell's folder; numbers that are not finite are left out."""
    files = [schemas.read(path, schemas.MEASURED) for path in sorted((folder / "evaluations").glob("*.json"))]
    found: dict[str, Measured] = {}
    for each in sorted(files, key=lambda file: file["evaluate"]):
        arguments = each["evaluate"].partition("[")[2].rstrip("]")
        suffix = f" ({arguments})" if arguments else ""
        for metric, value in each["metrics"].items():
            heading, unit = told(folder, (each.get("headings") or {}).get(metric), metric)
            if math.isfinite(value):
                found[f"{each['evaluate']}/{metric}"] = Measured(value, f"{heading}{suffix}", unit)
    return found


def told(folder: Path, heading: Any, metric: str) -> tuple[str, str]:
    """What a metric is called, and its unit; UserError where its file does not say."""
    if not heading or len(heading) != 2:
        raise UserError(f"cannot read {folder / 'evaluations'}: {metric} has no heading and unit; measure it again")
    return heading[0], heading[1]


def kept(folder: Path, option: str) -> dict[str, tuple[Path, Mapping[str, Any]]]:
    """Label -> the arrays that evaluations by an option have left under a cell's folder, and their arguments."""
    found = {}
    for path in sorted((folder / "evaluations").glob("*.json")):
        each = read_json(path)
        arrays = path.with_suffix(".npz")
        if each.get("arrays") and each["config"]["evaluate"] == option and arrays.exists():
            found[each["evaluate"]] = (arrays, each["config"])
    return found


def evaluation_of(name: str) -> str:
    """The evaluation of a metric's full name."""
    return name.rpartition("/")[0]
