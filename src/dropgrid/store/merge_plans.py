"""Two folders' ablations of the same name as one: a line for each row, factors and seed, where they mean the same."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dropgrid.store import schemas
from dropgrid.store.ablation import names
from dropgrid.store.config_difference import differences, listed
from dropgrid.store.files import read_yaml
from dropgrid.store.inventory import Line, label
from dropgrid.store.manifest import link
from dropgrid.store.records import read_lines, run_folder, write_json


@dataclass
class Union:
    """What an ablation here gets from the one there; `refused` says why nothing."""

    name: str
    outputs: Path
    about: Any
    lines: list[Line]
    new: bool
    added: list[Line] = field(default_factory=list)
    refused: str = ""

    @property
    def folder(self) -> Path:
        """The ablation's folder here."""
        return self.outputs / "ablations" / self.name

    def write(self) -> None:
        """ablation.json where there is none, cells.json, and the links of what was added."""
        if self.new:
            write_json(self.folder / "ablation.json", self.about)
        write_json(self.folder / "cells.json", [*self.lines, *self.added])
        for line in self.added:
            link(self.folder, dict(line), self.outputs)


def unions(origin: Path, outputs: Path) -> list[Union]:
    """One for each ablation there."""
    return [union(name, origin, outputs) for name in names(origin)]


def union(name: str, origin: Path, outputs: Path) -> Union:
    """Ours, and the lines that theirs adds; refused where the same place in the table is another config there."""
    ours, theirs = (place / "ablations" / name for place in (outputs, origin))
    about, other = (schemas.read(each / "ablation.json", schemas.ABOUT) for each in (ours, theirs))
    made = Union(name, outputs, about or other, [], new=about is None)
    made.lines = [*read_lines(ours / "cells.json")]
    known = {place_of(line): line for line in made.lines}
    for line in read_lines(theirs / "cells.json"):
        mine = known.get(place_of(line))
        if mine is None:
            made.added.append(line)
        elif mine["cell"] != line["cell"]:
            what = differing(run_folder(outputs, mine["cell"]), run_folder(origin, line["cell"]))
            made.refused = f"{name}: {label(line)} is cell {mine['cell']} here and {line['cell']} there; {what}"
            break
    baseline = (made.about or {}).get("baseline")
    if not made.refused and (lacking := without(baseline, [*made.lines, *made.added])):
        made.refused = f"{name}: its baseline here is {baseline!r}, a row that {lacking} there lacks"
    if made.refused:
        made.refused += "; nothing of this ablation is merged"
        made.added, made.new = [], False
    return made


def place_of(line: Line) -> tuple[str, str, int]:
    """Where a line stands in the table."""
    return line["row"], json.dumps(line.get("factors") or {}, sort_keys=True), line["seed"]


def without(baseline: str | None, lines: Iterable[Line]) -> str:
    """A block of the table that lacks the baseline, in words; empty where all have it."""
    blocks: dict[str, set[str]] = {}
    for line in lines:
        named = ", ".join(f"{key}={value}" for key, value in (line.get("factors") or {}).items())
        blocks.setdefault(named or "the table", set()).add(line["row"])
    return next((named for named, rows in blocks.items() if baseline not in rows), "")


def differing(ours: Path, theirs: Path) -> str:
    """In which keys two cells' configs differ."""
    one, other = (read_yaml(folder / "config.yaml") for folder in (ours, theirs))
    if one is None or other is None:
        return f"their configs cannot be compared, {'here' if one is None else 'there'} it was not begun"
    keys = differences(one, other)
    return f"their configs differ in {listed(keys)}" if keys else "their configs are equal, of another format"
