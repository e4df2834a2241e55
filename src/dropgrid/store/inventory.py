"""The content of an outputs folder: runs, the ablations that they belong to, and sizes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.store.ablation import unknown
from dropgrid.store.cell import Cell
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.records import read_lines
from dropgrid.store.status import status


@dataclass(frozen=True)
class StoredRun:
    """A folder of `outputs/runs`: what it holds, and its `members`: each ablation that has it, and the cell there."""

    folder: Path
    status: str
    size: int
    checkpoints: int
    members: Sequence[tuple[str, Cell]]

    @property
    def ablations(self) -> list[str]:
        """The ablations that name this cell."""
        return list(dict.fromkeys(name for name, _ in self.members))

    @property
    def label(self) -> str:
        """`demo: baseline seed 0`; the folder's name if no ablation has it."""
        return member_label(*self.members[0]) if self.members else self.folder.name


def member_label(ablation: str, cell: Cell) -> str:
    """Return a cell of an ablation as people read it: `demo: baseline seed 0`."""
    return f"{ablation}: {cell.label}"


def listed_cells(outputs: Path, chosen: Sequence[str] = ()) -> Iterator[tuple[str, Cell]]:
    """Yield each ablation's name and the cells of its cells.json; UserError for a name that is unknown."""
    place = Outputs(outputs)
    known = place.ablation_names
    for name in chosen:
        if name not in known:
            raise UserError(unknown(name, known, outputs))
    for name in chosen or known:
        for line in read_lines(place.ablation(name)):
            yield name, Cell.from_line(line, outputs)


def members(outputs: Path) -> dict[str, list[tuple[str, Cell]]]:
    """Return cell id -> the ablations that name it, and the cell there."""
    found: dict[str, list[tuple[str, Cell]]] = {}
    for name, cell in listed_cells(outputs):
        found.setdefault(cell.id, []).append((name, cell))
    return found


def runs(outputs: Path) -> list[StoredRun]:
    """Return every run's folder, and what an interrupted clean or merge has left beside them; links are nobody's."""
    named = members(outputs)
    return [stored_run(folder, named.get(folder.name, [])) for folder in subfolders(Outputs(outputs).runs)]


def stored_run(folder: Path, named: Sequence[tuple[str, Cell]]) -> StoredRun:
    """Return what a run's folder holds."""
    run = RunFolder(folder)
    return StoredRun(folder, status(folder), tree(folder), tree(run.checkpoints), named)


def subfolders(folder: Path) -> list[Path]:
    """Return the real folders in a folder, sorted; none if it is missing."""
    if not folder.is_dir():
        return []
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())


def tree(folder: Path) -> int:
    """Return the bytes of all files beneath a folder; links are not followed, vanished files count nothing."""
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(place, file)).st_size
            except FileNotFoundError:
                pass
    return total
