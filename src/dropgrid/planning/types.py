"""What planning hands on: cells and plans."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropgrid.instantiate import module_of
from dropgrid.store.identity import cell_id


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: a row at a seed, within a combination of factors."""

    id: str
    row: str
    factors: dict[str, str]
    seed: int
    overrides: list[str]
    config: dict[str, Any]
    local: dict[str, Any]

    def at(self, seed: int) -> "Cell":
        """The same run at another seed."""
        config = {**self.config, "seed": seed}
        line = [*self.overrides[:-1], f"seed={seed}"]
        return Cell(cell_id(config), self.row, self.factors, seed, line, config, self.local)

    @property
    def reproduce(self) -> str:
        """The one command line that trains this cell again."""
        return "python scripts/train.py " + shlex.join(self.overrides)


@dataclass(frozen=True)
class Plan:
    """A sweep: its name, what it asks (ablation.json), and its cells in the order of the table.

    `then` are the overrides of the sweep that its trials are for, where it tunes.
    """

    name: str
    about: dict[str, Any]
    cells: list[Cell]
    outputs: Path
    jobs: int | str
    place: list[str]
    then: Sequence[str] | None = None

    @property
    def configs(self) -> list[dict[str, Any]]:
        """Those of its cells."""
        return [cell.config for cell in self.cells]

    @property
    def sweep(self) -> dict[str, Any]:
        """What stands under `sweep.`: the same for all its cells."""
        found: dict[str, Any] = self.cells[0].local["sweep"]
        return found

    def supervised(self, cell: Cell) -> dict[str, Any]:
        """What a cell's process is given."""
        return {
            "id": cell.id,
            "name": f"{self.name}/{label(cell)}",
            "ablation": self.name,
            "row": cell.row,
            "reproduce": cell.reproduce,
            "config": cell.config,
            "local": cell.local,
        }


def label(cell: Cell) -> str:
    """A cell as people read it: factors, row and seed."""
    factors = "".join(f"{key}={value} " for key, value in cell.factors.items())
    return f"{factors}{cell.row} seed {cell.seed}"


def modules(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The modules that cells' configs name, and may."""
    named = {module_of(axis, node) for config in configs for axis, node in config.items()}
    return sorted(each for each in named if each is not None)
