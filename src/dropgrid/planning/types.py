"""What planning hands on: plans."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropgrid.instantiate import module_of
from dropgrid.store.cell import Cell

Tuned = dict[str, dict[str, Any]]
"""Row -> the settings still `left`, the best first; the last validation score of each that was `tried`; and how many
settings each of the `rounds` had."""


@dataclass(frozen=True)
class Trials:
    """What trials of `sweep.tune` are for: the overrides of the sweep, and what the rounds before them left."""

    overrides: Sequence[str]
    tuned: Tuned


@dataclass(frozen=True)
class Plan:
    """A sweep: its name, what it asks (ablation.json), and its cells in the order of the table.

    `trials` says what its cells are trials for, if it tunes; `notes` are lines to print before it.
    """

    name: str
    about: dict[str, Any]
    cells: list[Cell]
    outputs: Path
    jobs: int | str
    place: list[str]
    trials: Trials | None = None
    notes: Sequence[str] = ()

    @property
    def configs(self) -> list[Mapping[str, Any]]:
        """The configs of its cells."""
        return [cell.config for cell in self.cells]

    @property
    def sweep(self) -> dict[str, Any]:
        """The values under `sweep.`: the same for all its cells."""
        found: dict[str, Any] = self.cells[0].local["sweep"]
        return found

    def supervised(self, cell: Cell) -> dict[str, Any]:
        """Return what a cell's process is given."""
        return {
            "id": cell.id,
            "name": f"{self.name}/{cell.label}",
            "ablation": self.name,
            "row": cell.row,
            "reproduce": cell.reproduce,
            "config": cell.config,
            "local": cell.local,
        }


def modules(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the modules that cells' configs name, and may."""
    named = {module_of(axis, node) for config in configs for axis, node in config.items()}
    return sorted(each for each in named if each is not None)
