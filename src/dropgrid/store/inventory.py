"""What lies under an outputs folder: runs, the ablations that they belong to, and how big all is."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.store import schemas
from dropgrid.store.ablation import names, unknown
from dropgrid.store.records import read_lines
from dropgrid.store.status import status

Line = Mapping[str, Any]
"""A line of cells.json."""


@dataclass(frozen=True)
class Run:
    """A folder of `outputs/runs`: what it holds, and in which ablations it is (`ablation`, `line`)."""

    folder: Path
    status: str
    size: int
    checkpoints: int
    source: str | None
    members: Sequence[tuple[str, Line]]

    @property
    def ablations(self) -> list[str]:
        """The ablations that name this cell."""
        return list(dict.fromkeys(name for name, _ in self.members))

    @property
    def label(self) -> str:
        """`demo baseline seed 0`; the folder's name where no ablation has it."""
        return f"{self.members[0][0]}: {label(self.members[0][1])}" if self.members else self.folder.name


def label(line: Line) -> str:
    """A cell as people read it: factors, row and seed."""
    factors = "".join(f"{key}={value} " for key, value in (line.get("factors") or {}).items())
    return f"{factors}{line['row']} seed {line['seed']}"


def path(line: Line) -> str:
    """A cell's path under `cells/`, as in `optimizer.lr=0.1/dropblock/seed0`."""
    factors = ",".join(f"{key}={value}" for key, value in (line.get("factors") or {}).items())
    return "/".join(filter(None, [factors, line["row"], f"seed{line['seed']}"]))


def lines(outputs: Path, chosen: Sequence[str] = ()) -> Iterator[tuple[str, Line]]:
    """Each ablation's lines of cells.json; UserError where a name is unknown."""
    known = names(outputs)
    for name in chosen:
        if name not in known:
            raise UserError(unknown(name, known, outputs / "ablations"))
    for name in chosen or known:
        for line in read_lines(outputs / "ablations" / name / "cells.json"):
            yield name, line


def members(outputs: Path) -> dict[str, list[tuple[str, Line]]]:
    """Cell id -> the ablations and lines that name it."""
    found: dict[str, list[tuple[str, Line]]] = {}
    for name, line in lines(outputs):
        found.setdefault(line["cell"], []).append((name, line))
    return found


def runs(outputs: Path) -> list[Run]:
    """Every run's folder, and what an interrupted clean or merge has left beside them; links are nobody's."""
    named = members(outputs)
    return [run(folder, named.get(folder.name, [])) for folder in subfolders(outputs / "runs")]


def run(folder: Path, named: Sequence[tuple[str, Line]]) -> Run:
    """One of them."""
    checkpoints = tree(folder / "checkpoints")
    return Run(folder, status(folder), tree(folder), checkpoints, source(folder), named)


def source(folder: Path) -> str | None:
    """The source that trained a finished cell."""
    found = schemas.read(folder / "result.json", schemas.RESULT) or {}
    return (found.get("provenance") or {}).get("source")


def subfolders(folder: Path) -> list[Path]:
    """The real folders in a folder, sorted; none where it is missing."""
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())


def tree(folder: Path) -> int:
    """Bytes of all files beneath a folder; links are not followed, what vanishes meanwhile counts nothing."""
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(place, file)).st_size
            except FileNotFoundError:
                pass
    return total
