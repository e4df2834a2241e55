"""An ablation's cells as they lie on disk; `load` gives them as a tidy DataFrame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid.errors import UserError, did_you_mean
from dropgrid.paths import outputs_folder
from dropgrid.store import schemas
from dropgrid.store.cell import Cell, Known, mean_moved
from dropgrid.store.evaluations import evaluation_of
from dropgrid.store.layout import Outputs
from dropgrid.store.records import ConfigReader, read_lines
from dropgrid.tasks.description import TaskDescription, description_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Block:
    """The cells of one combination of factors, by row: each block has its own baseline."""

    factors: Mapping[str, str]
    rows: Mapping[str, Sequence[Cell]]

    @property
    def label(self) -> str:
        """`key=value, key=value`; empty if nothing was swept."""
        return ", ".join(f"{key}={value}" for key, value in self.factors.items())

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [cell for cells in self.rows.values() for cell in cells]


@dataclass(frozen=True)
class Ablation:
    """What an ablation asks (`about`, its ablation.json) and its blocks, in the order of the table."""

    name: str
    about: Mapping[str, Any]
    blocks: Sequence[Block]
    frozen: Mapping[str, Any] | None = None
    """Its claims.json: what it claimed, and by which rules it is judged, before it trained."""

    @property
    def cells(self) -> list[Cell]:
        """All cells, block by block."""
        return [cell for block in self.blocks for cell in block.cells]

    @property
    def baseline(self) -> str:
        """The row that the others of its block are compared with."""
        return str(self.about["baseline"])

    def rule(self, key: str) -> float | None:
        """Return a number by which verdicts are decided (`margin`, `trained`) as first stated; None if it is not."""
        stated = (self.frozen or {}).get("rules")
        value = (self.about if stated is None else stated).get(key)
        return None if value is None else float(value)

    @property
    def foreign(self) -> bool:
        """Whether others trained its cells, so that no more is known of them than their numbers."""
        return bool(self.about.get("foreign"))

    @property
    def metric(self) -> str:
        """The headline: a key of result.json's metrics."""
        return self.about.get("metric") or self.task.metric("test", "last")

    @property
    def task(self) -> TaskDescription:
        """What its cells learned: the names of their numbers."""
        return description_of(self.about)


def names(outputs: Path) -> list[str]:
    """Return the ablations and sweeps that have cells."""
    return Outputs(outputs).ablation_names


def read(name: str, outputs: Path | str | None = None) -> Ablation:
    """Return an ablation, its cells' files read; UserError names what is unknown, missing or unreadable."""
    place = Outputs(outputs_folder(outputs))
    known = place.ablation_names
    if name not in known:
        raise UserError(unknown(name, known, place.root))
    folder = place.ablation(name)
    about = schemas.read_checked(folder.about, schemas.ABOUT) or {}
    about_evaluations = schemas.read_checked(folder.evaluations, schemas.ASKED) or {}
    asked, ids = about_evaluations.get("asked") or [], about_evaluations.get("ids") or {}
    parts = {"known": Known(asked=ids), "parse_config": ConfigReader().read_config}
    cells = [Cell.from_line(line, place.root, **parts) for line in read_lines(folder)]
    for cell in cells:  # here, where a damaged file is expected; configs are read when asked for
        _ = cell.result, cell.status, cell.failure, cell.evaluations
    blocks: dict[tuple[tuple[str, str], ...], dict[str, list[Cell]]] = {}
    for cell in asked_here(cells, asked):
        blocks.setdefault(tuple(cell.factors.items()), {}).setdefault(cell.row, []).append(cell)
    if not blocks:
        raise UserError(f"{folder.cells} lists no cells")
    found = [Block(dict(factors), rows) for factors, rows in blocks.items()]
    baseline = about.get("baseline")
    lacking = next((block for block in found if baseline not in block.rows), None)
    if lacking is not None:
        raise UserError(f"{name}: the baseline {baseline!r} is no row; rows: {', '.join(lacking.rows)}")
    return Ablation(name, about, found, schemas.read_checked(folder.claims, schemas.CLAIMS))


def asked_here(cells: Sequence[Cell], asked: Sequence[str]) -> list[Cell]:
    """Return the cells with the evaluations asked of this ablation; if none is on record, with those every row has.

    A cell that another ablation shares may have been measured for that one.
    """
    rows: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        if cell.result is not None:
            own = {evaluation_of(name) for name in cell.evaluations}
            rows.setdefault((str(cell.factors), cell.row), set()).update(own)
    wanted = set(asked) or (set.intersection(*rows.values()) if rows else set())
    return [
        cell.knowing(evaluations={n: each for n, each in cell.evaluations.items() if evaluation_of(n) in wanted})
        for cell in cells
    ]


def unknown(name: str, known: Sequence[str], outputs: Path) -> str:
    """Return what to say of a name that no ablation has."""
    folder = Outputs(outputs).ablations
    if not known:
        return f"no ablation {name!r}: none was run yet in {folder}"
    return f"no ablation {name!r} in {folder}{did_you_mean(name, known)}; there are: {', '.join(known)}"


def load(name: str, outputs: Path | str | None = None) -> "DataFrame":
    """Return an ablation as a tidy DataFrame, one line a cell, whether finished or not.

    `outputs` None is where DROPGRID_OUTPUTS says, else the folder `outputs`.
    Columns: row, `factor:<key>` for each swept key, seed, cell, status; every metric as measured, and
    `<evaluation>/<metric>` of each evaluation (accuracies are fractions in [0, 1]); best_epoch, epochs, steps,
    parameters; seconds and train_seconds; keep_prob, drop_prob; drop_nominal, drop_expected and drop_realised (the
    dose: means over the sites that drop, weighted by their elements); noise_std; moved_expected and moved_realised (the
    share of what is moved by over 1 σ, means over the sites of Gaussian noise);
    flagged; device, capability (the instruction set), source; failure. A metric of one of these names is
    `metric:<name>`.
    What a cell does not have yet is NaN or None.

    Raises:
        UserError: no ablation of that name, or an unreadable file.
    """
    import pandas as pd  # slow to import, and no other part of a report needs it

    return pd.DataFrame([dataframe_line(cell) for cell in read(name, outputs).cells])


def dataframe_line(cell: Cell) -> dict[str, Any]:
    """Return one line of `load`."""
    keep_prob = cell.keep_prob
    first: dict[str, Any] = {"row": cell.row}
    first |= {f"factor:{key}": value for key, value in cell.factors.items()}
    first |= {"seed": cell.seed, "cell": cell.id, "status": cell.status}
    line = {key: (cell.result or {}).get(key) for key in ("best_epoch", "epochs", "steps", "parameters")}
    line |= {"seconds": cell.found("timing").get("total_seconds")}
    line |= {"train_seconds": cell.found("timing").get("train_seconds")}
    line |= {"keep_prob": keep_prob, "drop_prob": None if keep_prob is None else 1 - keep_prob}
    for part in ("nominal", "expected", "realised"):
        line[f"drop_{part}"] = cell.dose(part)
    line |= {"noise_std": cell.noise_std}
    line |= {f"moved_{part}": mean_moved(cell, part) for part in ("expected", "realised")}
    line |= {"flagged": ", ".join(cell.found("treatment").get("flagged") or [])}
    line |= {key: cell.found("provenance").get(key) for key in ("device", "capability", "source")}
    line["failure"] = f"{cell.failure.get('class')}: {cell.failure.get('message')}" if cell.failure else None
    numbers = {**cell.found("metrics"), **{name: each.value for name, each in cell.evaluations.items()}}
    taken = first.keys() | line.keys()  # a function may give its numbers any name
    return {**first, **{f"metric:{name}" if name in taken else name: numbers[name] for name in numbers}, **line}
