"""The engine that needs nothing else: cells side by side on this machine."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dropgrid.execution.engine import AbstractEngine
from dropgrid.execution.live_view import Watch
from dropgrid.execution.pool import Pool, stoppable
from dropgrid.execution.slots import slots
from dropgrid.execution.supervisor import Policy, warm
from dropgrid.execution.worker import Train
from dropgrid.planning.types import Cell, Plan, modules


class Local(AbstractEngine):
    """As many cells at once as `sweep.jobs` says.

    Args:
        train: see `dropgrid.execution.worker.enter`.
        afford: raises for plans that cost more than their budget.
    """

    def __init__(self, train: Train, afford: Callable[[Sequence[Plan]], None]):
        self.train = train
        self.refuse = afford

    def expect(self, outputs: Path, name: str, configs: Sequence[Mapping[str, Any]]) -> None:
        if not (outputs / "ablations" / name).exists():  # of another its cells may be finished
            warm(modules(configs))

    def ready(self, plans: Sequence[Plan], waiting: bool) -> None:
        for plan in plans:
            slots(plan)
        if waiting:
            warm(modules(config for plan in plans for config in plan.configs))  # while the cells are checked

    def afford(self, plans: Sequence[Plan]) -> None:
        self.refuse(plans)

    def run(self, plan: Plan, cells: Sequence[Cell], rules: Policy, console: Console) -> bool:
        jobs = min(slots(plan), len(cells))
        with stoppable() as stop, Watch(plan.name, len(cells), jobs, plan.outputs, console) as watch:
            Pool(plan, self.train, jobs, watch, rules, stop).run(cells)
        return stop.asked.is_set()

    def measuring(self, plan: Plan) -> int | str:
        return plan.jobs
