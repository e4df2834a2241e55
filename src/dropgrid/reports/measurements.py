"""What was measured on finished cells after training: from their files to a row's statistics."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dropgrid.errors import UserError
from dropgrid.statistics import samples
from dropgrid.store import schemas
from dropgrid.store.files import read_json

SHARE = "%"
"""The unit of a value in [0, 1]."""


class Measured(NamedTuple):
    """A number, what it is called, and its unit: `%` of a share in [0, 1], `nats`, or nothing."""

    value: float
    heading: str
    unit: str


@dataclass(frozen=True)
class Measurement:
    """A row's numbers of one metric of an evaluation; shares in percent."""

    heading: str
    unit: str
    sample: samples.Sample


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


def measurements(cells: Iterable[tuple[int, Mapping[str, Measured]]]) -> dict[str, Measurement]:
    """Statistics over the seeds that have a metric, by its name."""
    values: dict[str, dict[int, Measured]] = {}
    for seed, found_there in cells:
        for name, each in found_there.items():
            values.setdefault(name, {})[seed] = each
    found = {}
    for name, by_seed in values.items():
        _, heading, unit = next(iter(by_seed.values()))
        scale = 100 if unit == SHARE else 1
        numbers = [round(scale * by_seed[seed].value, 10) for seed in sorted(by_seed)]
        found[name] = Measurement(heading, unit, samples.describe(numbers))
    return found


def evaluation_of(name: str) -> str:
    """The evaluation of a metric's full name."""
    return name.rpartition("/")[0]


def ordered(names: Iterable[str]) -> list[str]:
    """By evaluation, then as they first came; those that differ in a level alone side by side, by that level."""
    found = dict.fromkeys(names)
    stems = {stem: place for place, stem in enumerate(dict.fromkeys(split(name)[0] for name in found))}
    return sorted(found, key=lambda name: (evaluation_of(name), stems[split(name)[0]], split(name)[1]))


def split(name: str) -> tuple[str, float]:
    """`noise/gaussian_noise_0.1` as what is measured and its level."""
    stem, _, level = name.rpartition("_")
    try:
        return stem, float(level)
    except ValueError:
        return name, 0.0
