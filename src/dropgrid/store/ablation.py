"""An ablation's cells as they lie on disk; `load` gives them as a tidy DataFrame."""

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid.errors import UserError, meant
from dropgrid.paths import outputs_folder
from dropgrid.store import schemas
from dropgrid.store.evaluations import Measured, evaluation_of, measured
from dropgrid.store.files import read_text, read_yaml
from dropgrid.store.records import REMOVE, read_lines, run_folder
from dropgrid.store.status import status
from dropgrid.treatment import DROPPED, MOVED

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Cell:
    """One run: a row at a seed within a combination of factors, and what its folder holds so far.

    `result` is None until the cell is finished; `status` is one of `dropgrid.store.status.STATUSES`.
    """

    row: str
    factors: Mapping[str, str]
    seed: int
    id: str
    overrides: Sequence[str]
    folder: Path
    status: str
    read_config: Callable[[], Mapping[str, Any] | None]
    result: Mapping[str, Any] | None
    failure: Mapping[str, Any] | None
    evaluations: Mapping[str, Measured] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """A metric as measured (accuracies are fractions); None where it was not, or is not finite."""
        number = self.found("metrics").get(metric)
        return float(number) if number is not None and math.isfinite(number) else None

    def found(self, part: str) -> Mapping[str, Any]:
        """A part of the result (metrics, treatment, timing, provenance, weights); empty until finished."""
        return (self.result or {}).get(part) or {}

    @cached_property
    def config(self) -> Mapping[str, Any] | None:
        """Its config.yaml, read when asked for: of thousands of cells status needs none. None until it was begun."""
        return self.read_config()

    @property
    def sites(self) -> Sequence[Mapping[str, Any]]:
        """Where something is random, each with what it counts, and its nominal, expected and realised fraction."""
        return self.found("treatment").get("sites") or []

    @property
    def regularizers(self) -> list[Mapping[str, Any]]:
        """Those of the config, in their order: `regularizer`, `regularizer_2`, …"""
        config = self.config or {}
        keys = [key for key in config if re.fullmatch(r"regularizer(_\d+)?", key)]
        return [config[key] for key in sorted(keys) if isinstance(config[key], Mapping)]

    @property
    def keep_prob(self) -> float | None:
        """That of the first regularizer that has one."""
        return next((each["keep_prob"] for each in self.regularizers if each.get("keep_prob") is not None), None)

    @property
    def noise_std(self) -> float | None:
        """The standard deviation, at the end of its schedule, of the first regularizer that adds Gaussian noise.

        The sites tell which does: those of the second are named `…#2`.
        """
        noisy = {str(site["site"]).partition("#")[2] or "1" for site in self.sites if counts(site) == MOVED}
        found = [each.get("std") for number, each in enumerate(self.regularizers, 1) if str(number) in noisy]
        return next((std for std in found if std is not None), None)

    def curve(self, column: str) -> dict[int, float]:
        """Epoch -> value of a column of metrics.csv; epochs without a number are left out."""
        path = self.folder / "metrics.csv"
        lines = csv.DictReader(io.StringIO(read_text(path) or ""))
        try:
            return {int(float(line["epoch"])): float(line[column]) for line in lines if line.get(column)}
        except (ValueError, OverflowError, KeyError, TypeError, csv.Error) as error:
            raise UserError(f"cannot read {path}: {error}; {REMOVE}") from error


@dataclass(frozen=True)
class Block:
    """The cells of one combination of factors, by row: each block has its own baseline."""

    factors: Mapping[str, str]
    rows: Mapping[str, Sequence[Cell]]

    @property
    def label(self) -> str:
        """`key=value, key=value`; empty where nothing was swept."""
        return ", ".join(f"{key}={value}" for key, value in self.factors.items())

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        return [cell for cells in self.rows.values() for cell in cells]


@dataclass(frozen=True)
class Ablation:
    """What an ablation asks (`about`, its ablation.json) and its blocks, in the order of the table."""

    name: str
    about: Mapping[str, Any]
    blocks: Sequence[Block]
    frozen: Mapping[str, Any] | None = None
    """Its claims.json: what it claimed before it trained."""

    @property
    def cells(self) -> list[Cell]:
        """All of them, block by block."""
        return [cell for block in self.blocks for cell in block.cells]

    @property
    def baseline(self) -> str:
        """The row that the others of its block are compared with."""
        return str(self.about["baseline"])

    @property
    def alpha(self) -> float:
        """Of one look at the table: 5 %, or its share of 5 % where seeds are added after looks (`sweep.seeds=auto`)."""
        return float(self.about.get("alpha") or 0.05)

    @property
    def metric(self) -> str:
        """The headline: a key of result.json's metrics."""
        return self.about.get("metric") or "test/acc_last"


def names(outputs: Path) -> list[str]:
    """The ablations and sweeps that have cells."""
    return sorted(path.parent.name for path in (outputs / "ablations").glob("*/cells.json"))


def read(name: str, outputs: Path | str | None = None) -> Ablation:
    """Read an ablation from its files; UserError names what is unknown, missing or unreadable."""
    outputs = outputs_folder(outputs)
    known = names(outputs)
    if name not in known:
        raise UserError(unknown(name, known, outputs / "ablations"))
    folder = outputs / "ablations" / name
    about = schemas.read(folder / "ablation.json", schemas.ABOUT) or {}
    blocks: dict[tuple[tuple[str, str], ...], dict[str, list[Cell]]] = {}
    asked = (schemas.read(folder / "evaluations.json", schemas.ASKED) or {}).get("asked") or []
    configs = Configs()
    cells = [read_cell(line, outputs, configs) for line in read_lines(folder / "cells.json")]
    for cell in measured_here(cells, asked):
        blocks.setdefault(tuple(cell.factors.items()), {}).setdefault(cell.row, []).append(cell)
    if not blocks:
        raise UserError(f"{folder / 'cells.json'} lists no cells")
    found = [Block(dict(factors), rows) for factors, rows in blocks.items()]
    baseline = about.get("baseline")
    lacking = next((block for block in found if baseline not in block.rows), None)
    if lacking is not None:
        raise UserError(f"{name}: the baseline {baseline!r} is no row; rows: {', '.join(lacking.rows)}")
    return Ablation(name, about, found, schemas.read(folder / "claims.json", schemas.CLAIMS))


def measured_here(cells: Sequence[Cell], asked: Sequence[str]) -> list[Cell]:
    """The cells with the evaluations asked of this ablation; where none is on record, with those that every row has.

    A cell that another ablation shares may have been measured for that one.
    """
    rows: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        if cell.result is not None:
            own = {evaluation_of(name) for name in cell.evaluations}
            rows.setdefault((str(cell.factors), cell.row), set()).update(own)
    wanted = set(asked) or (set.intersection(*rows.values()) if rows else set())
    return [
        replace(cell, evaluations={n: each for n, each in cell.evaluations.items() if evaluation_of(n) in wanted})
        for cell in cells
    ]


def unknown(name: str, known: Sequence[str], folder: Path) -> str:
    """What to say of a name that no ablation has."""
    if not known:
        return f"no ablation {name!r}: none was run yet in {folder}"
    return f"no ablation {name!r} in {folder}{meant(name, known)}; there are: {', '.join(known)}"


class Configs:
    """The config.yaml of many cells. Those of a row differ in the line of the seed alone, and are parsed once."""

    SEED = re.compile(r"^seed: (\d+)$", re.MULTILINE)

    def __init__(self) -> None:
        self.parsed: dict[str, Mapping[str, Any]] = {}

    def read(self, path: Path) -> Mapping[str, Any] | None:
        """One of them, or None where there is none."""
        text = read_text(path)
        if text is None:
            return None
        seed = self.SEED.search(text)
        if seed is None:
            return self.checked(path)
        rest = text[: seed.start()] + text[seed.end() :]
        if rest not in self.parsed:
            self.parsed[rest] = self.checked(path)
        return {**self.parsed[rest], "seed": int(seed[1])}

    @staticmethod
    def checked(path: Path) -> Mapping[str, Any]:
        """A file as it is, once it has the shape of a config."""
        config: Mapping[str, Any] = read_yaml(path)
        schemas.check(path, config, {"*": schemas.ANY})
        return config


def read_cell(line: Mapping[str, Any], outputs: Path, configs: Configs) -> Cell:
    """A line of cells.json and the folder it names."""
    folder = run_folder(outputs, line["cell"])
    result = schemas.read(folder / "result.json", schemas.RESULT)
    return Cell(
        row=line["row"],
        factors={key: str(value) for key, value in (line.get("factors") or {}).items()},
        seed=line["seed"],
        id=line["cell"],
        overrides=line.get("overrides") or [],
        folder=folder,
        status=status(folder),
        read_config=partial(configs.read, folder / "config.yaml"),
        result=result,
        failure=schemas.read(folder / "failure.json", schemas.FAILURE) if result is None else None,
        evaluations=measured(folder),
    )


def load(name: str, outputs: Path | str | None = None) -> "DataFrame":
    """An ablation as a tidy DataFrame, one line a cell, whether finished or not.

    `outputs` None is where DROPGRID_OUTPUTS says, else the folder `outputs`.
    Columns: row, `factor:<key>` for each swept key, seed, cell, status; every metric as measured, and
    `<evaluation>/<metric>` of each evaluation (accuracies are fractions in [0, 1]); best_epoch, epochs, steps,
    parameters; seconds and train_seconds; keep_prob, drop_prob; drop_nominal, drop_expected and drop_realised (means
    over the sites that drop); noise_std; moved_expected and moved_realised (the share of what is moved by over 1 σ,
    means over the sites of Gaussian noise); flagged; device, source; failure.
    What a cell does not have yet is NaN or None.

    Raises:
        UserError: no ablation of that name, or an unreadable file.
    """
    import pandas as pd  # slow to import, and no other part of a report needs it

    return pd.DataFrame([tidy(cell) for cell in read(name, outputs).cells])


def tidy(cell: Cell) -> dict[str, Any]:
    """One line of `load`."""
    keep_prob = cell.keep_prob
    line: dict[str, Any] = {"row": cell.row}
    line |= {f"factor:{key}": value for key, value in cell.factors.items()}
    line |= {"seed": cell.seed, "cell": cell.id, "status": cell.status}
    line |= cell.found("metrics")
    line |= {name: each.value for name, each in cell.evaluations.items()}
    line |= {key: (cell.result or {}).get(key) for key in ("best_epoch", "epochs", "steps", "parameters")}
    line |= {"seconds": cell.found("timing").get("total_seconds")}
    line |= {"train_seconds": cell.found("timing").get("train_seconds")}
    line |= {"keep_prob": keep_prob, "drop_prob": None if keep_prob is None else 1 - keep_prob}
    for part in ("nominal", "expected", "realised"):
        line[f"drop_{part}"] = mean_over_sites([cell], part)
    line |= {"noise_std": cell.noise_std}
    line |= {f"moved_{part}": mean_over_sites([cell], part, of=MOVED) for part in ("expected", "realised")}
    line |= {"flagged": ", ".join(cell.found("treatment").get("flagged") or [])}
    line |= {key: cell.found("provenance").get(key) for key in ("device", "source")}
    line["failure"] = f"{cell.failure.get('class')}: {cell.failure.get('message')}" if cell.failure else None
    return line


def counts(site: Mapping[str, Any]) -> str:
    """What a line of the treatment counts; one from before there was noise does not say."""
    return site.get("counts") or DROPPED


def mean_over_sites(cells: Sequence[Cell], part: str, *, of: str = DROPPED) -> float | None:
    """The mean of a fraction over all sites of some cells that count that; None where there are none."""
    sites = [site for cell in cells for site in cell.sites if counts(site) == of]
    fractions = [site[part] for site in sites if site.get(part) is not None]
    return math.fsum(fractions) / len(fractions) if fractions else None
