"""Two folders' ablations of the same name as one: a line for each row, factors and seed, where they mean the same."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dropgrid.store import schemas
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import differences, listed
from dropgrid.store.earlier_format import renamed_line
from dropgrid.store.files import read_yaml, write_json
from dropgrid.store.layout import AblationFolder, Outputs, RunFolder
from dropgrid.store.manifest import link_runs
from dropgrid.store.records import read_lines

Line = Mapping[str, Any]
"""A line of cells.json."""


@dataclass
class MergedPlan:
    """What an ablation here gets from the one there; `refused` says why nothing."""

    name: str
    folder: AblationFolder
    about: Any
    lines: list[Line]
    new: bool
    added: list[Line] = field(default_factory=list)
    renamed: int = 0
    refused: str = ""

    def write(self) -> None:
        """Write ablation.json unless it is there, cells.json, and the links."""
        if self.new:
            write_json(self.folder.about, self.about)
        write_json(self.folder.cells, [*self.lines, *self.added])
        link_runs(self.folder, [*self.lines, *self.added])


def merge_plans(origin: Path, outputs: Path, renamed: Mapping[str, str] | None = None) -> list[MergedPlan]:
    """Return one merged plan for each ablation there.

    Args:
        renamed: id -> new id of cells that are taken over from an earlier FORMAT; our lines name them by it too.
    """
    names = Outputs(origin).ablation_names
    return [merge_plan(name, Outputs(origin), Outputs(outputs), renamed or {}) for name in names]


def merge_plan(name: str, origin: Outputs, outputs: Outputs, renamed: Mapping[str, str]) -> MergedPlan:
    """Return our lines and those that theirs adds; refused if the same place in the table is another config there."""
    ours, theirs = outputs.ablation(name), origin.ablation(name)
    about, other = (schemas.read_checked(each.about, schemas.ABOUT) for each in (ours, theirs))
    made = MergedPlan(name, ours, about or other, [], new=about is None)
    lines = read_lines(ours)
    made.lines = [renamed_line(line, renamed, origin) for line in lines]
    made.renamed = sum(line["cell"] in renamed for line in lines)
    known = {place_of(line): line for line in made.lines}
    for line in read_lines(theirs):
        mine = known.get(place_of(line))
        if mine is None:
            made.added.append(line)
        elif mine["cell"] != line["cell"]:
            label = Cell.from_line(line, origin.root).label
            what = differing(outputs.run(mine["cell"]), origin.run(line["cell"]))
            made.refused = f"{name}: {label} is cell {mine['cell']} here and {line['cell']} there; {what}"
            break
    baseline = (made.about or {}).get("baseline")
    if not made.refused and (lacking := block_without(baseline, [*made.lines, *made.added])):
        made.refused = f"{name}: its baseline here is {baseline!r}, a row that {lacking} there lacks"
    if made.refused:
        made.refused += "; nothing of this ablation is merged"
        made.added, made.new = [], False
    return made


def place_of(line: Line) -> tuple[str, str, int]:
    """Return where a line stands in the table: row, factors and seed."""
    return line["row"], json.dumps(line.get("factors") or {}, sort_keys=True), line["seed"]


def block_without(baseline: str | None, lines: Iterable[Line]) -> str:
    """Return a block of the table that lacks the baseline, in words; empty if all have it."""
    blocks: dict[str, set[str]] = {}
    for line in lines:
        named = ", ".join(f"{key}={value}" for key, value in (line.get("factors") or {}).items())
        blocks.setdefault(named or "the table", set()).add(line["row"])
    return next((named for named, rows in blocks.items() if baseline not in rows), "")


def differing(ours: RunFolder, theirs: RunFolder) -> str:
    """Return in which keys two cells' configs differ, in words."""
    one, other = (read_yaml(run.config) for run in (ours, theirs))
    if one is None or other is None:
        return f"their configs cannot be compared, {'here' if one is None else 'there'} it was not begun"
    keys = differences(one, other)
    return f"their configs differ in {listed(keys)}" if keys else "their configs are equal, of another format"
