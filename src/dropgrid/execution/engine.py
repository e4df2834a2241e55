"""What takes a plan's cells and trains them: this machine, or what a Hydra launcher hands them to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dropgrid.execution.supervisor import Policy
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell


class AbstractEngine(ABC):
    """Decides where cells train, and how many at once; each is supervised on the machine that trains it."""

    @abstractmethod
    def expect(self, outputs: Path, name: str, configs: Sequence[Mapping[str, Any]]) -> None:
        """Start what takes seconds: a plan of rows with these configs is under way."""

    @abstractmethod
    def ready(self, plans: Sequence[Plan], waiting: bool) -> None:
        """Raise UserError if it cannot take the plans; start what takes a while if cells are `waiting`."""

    @abstractmethod
    def afford(self, plans: Sequence[Plan]) -> None:
        """Raise UserError if a plan would exceed its `sweep.budget`; the cells are checked by now."""

    @abstractmethod
    def run(self, plan: Plan, cells: Sequence[Cell], rules: Policy, console: Console) -> bool:
        """Train the cells; return whether someone asked to stop."""

    @abstractmethod
    def evaluation_jobs(self, plan: Plan) -> int | str:
        """Return `sweep.jobs` for evaluations of the trained cells, which run here wherever those trained."""
