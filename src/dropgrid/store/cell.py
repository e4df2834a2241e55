"""One cell: what it is as planned, and what its folder holds."""

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, Unpack

from dropgrid.errors import UserError
from dropgrid.store.evaluations import Measured, measured
from dropgrid.store.files import REMOVE, read_csv
from dropgrid.store.identity import cell_id, treatment_id
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.records import Result, read_config, read_failure, read_result
from dropgrid.store.status import status
from dropgrid.treatment import MOVED, counted_event, dose


class Known(TypedDict, total=False):
    """Parts of a cell that are known without its folder."""

    config: Mapping[str, Any]
    local: Mapping[str, Any]
    status: str
    result: Result | None
    failure: Mapping[str, Any] | None
    evaluations: Mapping[str, Measured]
    asked: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """One run: a row at a seed within a combination of factors.

    What its folder holds is read when first asked for, and then kept; `known` parts are never read. Whoever waits for a
    cell to change asks `dropgrid.store.records` or `dropgrid.store.status` again.
    """

    id: str
    row: str
    factors: Mapping[str, str]
    seed: int
    overrides: Sequence[str]
    folder: Path
    known: Known = field(default_factory=Known, repr=False)
    parse_config: Callable[[Path], Mapping[str, Any]] = field(default=read_config, repr=False)

    def __post_init__(self) -> None:
        vars(self).update(self.known)  # in the place of what the cached properties would read

    @classmethod
    def from_line(cls, line: Mapping[str, Any], outputs: Path, **parts: Any) -> "Cell":
        """Return the cell of a line of cells.json."""
        factors = {key: str(value) for key, value in (line.get("factors") or {}).items()}
        place = (line["seed"], line.get("overrides") or [], Outputs(outputs).run(line["cell"]).folder)
        return cls(line["cell"], line["row"], factors, *place, **parts)

    @property
    def line(self) -> dict[str, Any]:
        """The cell as a line of cells.json."""
        return {
            "row": self.row,
            "factors": self.factors,
            "seed": self.seed,
            "cell": self.id,
            "overrides": self.overrides,
            "treatment": treatment_id(self.config),
        }

    @property
    def run(self) -> RunFolder:
        """The paths of its files."""
        return RunFolder(self.folder)

    @property
    def label(self) -> str:
        """The cell as people read it: factors, row and seed."""
        factors = "".join(f"{key}={value} " for key, value in self.factors.items())
        return f"{factors}{self.row} seed {self.seed}"

    @property
    def path(self) -> str:
        """The cell as its links name it, as in `optimizer.lr=0.1/dropblock/seed0`."""
        factors = ",".join(f"{key}={value}" for key, value in self.factors.items())
        return "/".join(filter(None, [factors, self.row, f"seed{self.seed}"]))

    @property
    def reproduce(self) -> str:
        """The one command line that trains this cell again."""
        return "python scripts/train.py " + shlex.join(self.overrides)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """What its id hashes; empty until it was begun."""
        return self.parse_config(self.run.config)

    @cached_property
    def local(self) -> Mapping[str, Any]:
        """What is about its place: paths, devices, logger and the sweep's settings; empty until it was begun."""
        return read_config(self.run.local)

    @cached_property
    def status(self) -> str:
        """One of `dropgrid.store.status.STATUSES`."""
        return "finished" if self.result is not None else status(self.folder)

    @cached_property
    def result(self) -> Result | None:
        """Its result; None until it is finished."""
        return read_result(self.run)

    @cached_property
    def failure(self) -> Mapping[str, Any] | None:
        """Why it failed when it was last tried; None for a cell that is finished."""
        return read_failure(self.run) if self.result is None else None

    @cached_property
    def evaluations(self) -> Mapping[str, Measured]:
        """`<evaluation>/<metric>` -> what was measured after training."""
        return measured(self.run, self.asked)

    @cached_property
    def asked(self) -> Mapping[str, str]:
        """Label of an evaluation -> the id of the one that its ablation last asked for; of others any counts."""
        return {}

    def knowing(self, **parts: Unpack[Known]) -> "Cell":
        """Return the same cell with other parts than its folder has; what was read already is kept."""
        kept = {name: vars(self)[name] for name in Known.__annotations__ if name in vars(self)}
        return replace(self, known={**kept, **parts})  # type: ignore[typeddict-item]

    def variant(self, config: Mapping[str, Any], overrides: Sequence[str]) -> "Cell":
        """Return the cell of the same row and place that trains by another config."""
        id = cell_id(config)
        seed, known = config["seed"], Known(config=config, local=self.local)
        return replace(self, id=id, seed=seed, overrides=overrides, folder=self.run.outputs.run(id).folder, known=known)

    def at(self, seed: int) -> "Cell":
        """Return the same cell at another seed."""
        return self.variant({**self.config, "seed": seed}, [*self.overrides[:-1], f"seed={seed}"])

    def value(self, metric: str) -> float | None:
        """Return a metric as measured (accuracies are fractions); None if it was not, or is not finite."""
        number = self.found("metrics").get(metric)
        return float(number) if number is not None and math.isfinite(number) else None

    def found(self, part: str) -> Mapping[str, Any]:
        """Return a part of the result (metrics, treatment, timing, provenance, weights); empty until finished."""
        return (self.result or {}).get(part) or {}

    @property
    def sites(self) -> Sequence[Mapping[str, Any]]:
        """Where something is random, each with what it counts, and its nominal, expected and realised fraction."""
        return self.found("treatment").get("sites") or []

    def dose(self, part: str = "realised") -> float | None:
        """Return its dose, as a fraction (`dropgrid.treatment.dose`); None if it drops nothing or is not finished."""
        return dose(self.sites, part)

    @property
    def regularizers(self) -> list[Mapping[str, Any]]:
        """The config's regularizers in their order."""
        return [*regularizers_of(self.config).values()]

    @property
    def keep_prob(self) -> float | None:
        """The keep_prob of the first regularizer that has one."""
        return next((each["keep_prob"] for each in self.regularizers if each.get("keep_prob") is not None), None)

    @property
    def noise_std(self) -> float | None:
        """The standard deviation, at the end of its schedule, of the first regularizer that adds Gaussian noise.

        The sites tell which does: those of the second are named `…#2`.
        """
        noisy = {str(site["site"]).partition("#")[2] or "1" for site in self.sites if counted_event(site) == MOVED}
        found = [each.get("std") for number, each in enumerate(self.regularizers, 1) if str(number) in noisy]
        return next((std for std in found if std is not None), None)

    def curve(self, column: str) -> dict[int, float]:
        """Return epoch -> value of a column of metrics.csv; epochs without a number are left out."""
        path = self.run.metrics
        try:
            return {int(float(line["epoch"])): float(line[column]) for line in read_csv(path) if line.get(column)}
        except (ValueError, OverflowError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {path}: {error}; {REMOVE}") from error


def regularizers_of(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return a config's regularizers by key, in their order: `regularizer`, `regularizer_2`, …"""
    keys = sorted(key for key in config if re.fullmatch(r"regularizer(_\d+)?", key))
    return {key: config[key] for key in keys if isinstance(config[key], Mapping)}


def mean_moved(cell: Cell, part: str) -> float | None:
    """Return the mean of a fraction over the sites of Gaussian noise, each as much as any; None if there are none."""
    fractions = [site[part] for site in cell.sites if counted_event(site) == MOVED and site.get(part) is not None]
    return math.fsum(fractions) / len(fractions) if fractions else None
