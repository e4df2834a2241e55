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
    """Every cell is supervised where it trains; an engine says only where, and how many at once."""

    @abstractmethod
    def expect(self, outputs: Path, name: str, configs: Sequence[Mapping[str, Any]]) -> None:
        """A plan of rows with these configs is under way: time to start what takes seconds."""

    @abstractmethod
    def ready(self, plans: Sequence[Plan], waiting: bool) -> None:
        """UserError where it cannot take the plans; start what takes a while where cells are `waiting`."""

    @abstractmethod
    def afford(self, plans: Sequence[Plan]) -> None:
        """UserError where a plan would exceed its `sweep.budget`; the cells are checked by now."""

    @abstractmethod
    def run(self, plan: Plan, cells: Sequence[Cell], rules: Policy, console: Console) -> bool:
        """Train the cells; whether someone asked to stop."""

    @abstractmethod
    def measuring(self, plan: Plan) -> int | str:
        """`sweep.jobs` of what is measured on the trained cells, which is on this machine whoever has trained them."""
