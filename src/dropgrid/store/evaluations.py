"""What evaluations of a finished cell have left in its folder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dropgrid.errors import Damaged, UserError
from dropgrid.files import file_hash
from dropgrid.store import schemas
from dropgrid.store.layout import RunFolder

if TYPE_CHECKING:
    from dropgrid.store.published_values import ImageValues

AGAIN = "remove it, and measure again"

SHARE = "%"
"""The unit of a value in [0, 1]."""


class Measured(NamedTuple):
    """A number, what it is called, and its unit: `%` of a share in [0, 1], `nats`, or nothing.

    Of a share that is a mean over images perhaps the share of each.
    """

    value: float
    heading: str
    unit: str
    images: "ImageValues | None" = None


def measured(run: RunFolder, asked: Mapping[str, str]) -> dict[str, Measured]:
    """Return `<evaluation>/<metric>` -> what was measured on a cell; numbers that are not finite are left out.

    Evaluations that differ in lists or data alone have one label; `asked` has the id of the one that counts.
    """
    found: dict[str, Measured] = {}
    for each in chosen(run, asked).values():
        arguments = each["evaluate"].partition("[")[2].rstrip("]")
        suffix = f" ({arguments})" if arguments else ""
        for metric, value in each["metrics"].items():
            heading, unit = heading_and_unit(run, (each.get("headings") or {}).get(metric), metric)
            if math.isfinite(value):
                found[f"{each['evaluate']}/{metric}"] = Measured(value, f"{heading}{suffix}", unit)
    return found


def results(run: RunFolder) -> dict[Path, Mapping[str, Any]]:
    """Return file -> result of each evaluation of a cell; Damaged if one is of another cell."""
    found = {path: schemas.read_checked(path, schemas.MEASURED) for path in run.evaluation_results()}
    for path, each in found.items():
        if (cell := each.get("cell") or run.folder.name) != run.folder.name:
            raise Damaged(f"cannot read {path}: it was measured on cell {cell}; {AGAIN}")
    return found


def chosen(run: RunFolder, asked: Mapping[str, str]) -> dict[Path, Mapping[str, Any]]:
    """Return file -> result of one evaluation of each label, by label: that which was asked for last, else any."""
    one: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path, each in results(run).items():
        if asked.get(each["evaluate"], path.stem) == path.stem:
            one[each["evaluate"]] = path, each
    return dict(one[label] for label in sorted(one))


def heading_and_unit(run: RunFolder, heading: Any, metric: str) -> tuple[str, str]:
    """Return what a metric is called, and its unit; UserError if its file does not say."""
    if not heading or len(heading) != 2:
        raise UserError(f"cannot read {run.evaluations}: {metric} has no heading and unit; measure it again")
    return heading[0], heading[1]


def kept(run: RunFolder, asked: Mapping[str, str], option: str) -> dict[str, tuple[Path, Mapping[str, Any]]]:
    """Return label -> the arrays that evaluations by an option have left in a cell's folder, and their arguments."""
    found = {}
    for path, each in chosen(run, asked).items():
        arrays = path.with_suffix(".npz")
        if each.get("arrays") and each["config"]["evaluate"] == option and arrays.exists():
            known = (each.get("files") or {}).get(arrays.name)
            if known and file_hash(arrays) != known:
                raise Damaged(f"cannot read {arrays}: it is not the file that {path.name} was written with; {AGAIN}")
            found[each["evaluate"]] = (arrays, each["config"])
    return found


def evaluation_of(name: str) -> str:
    """Return the evaluation of a metric's full name."""
    return name.rpartition("/")[0]
