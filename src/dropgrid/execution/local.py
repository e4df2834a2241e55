"""The engine of this machine: cells side by side in processes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dropgrid.execution.engine import AbstractEngine
from dropgrid.execution.forkserver import warm
from dropgrid.execution.live_view import LiveView
from dropgrid.execution.pool import Pool, stoppable
from dropgrid.execution.slots import slots
from dropgrid.execution.supervisor import Policy
from dropgrid.execution.worker import Train
from dropgrid.planning.types import Plan, modules
from dropgrid.store.cell import Cell
from dropgrid.store.checkpoints import stamps
from dropgrid.store.layout import Outputs


class LocalEngine(AbstractEngine):
    """Trains as many cells at once as `sweep.jobs` allows.

    Args:
        train: see `dropgrid.execution.worker.enter`.
        afford: raises for plans that cost more than their budget.
    """

    def __init__(self, train: Train, afford: Callable[[Sequence[Plan]], None]):
        self.train, self.check_budgets = train, afford

    def expect(self, outputs: Path, name: str, configs: Sequence[Mapping[str, Any]]) -> None:
        if not Outputs(outputs).ablation(name).folder.exists():  # of another its cells may be finished
            warm(modules(configs))

    def ready(self, plans: Sequence[Plan], waiting: bool) -> None:
        for plan in plans:
            slots(plan)
        if waiting:
            warm(modules(config for plan in plans for config in plan.configs))  # while the cells are checked

    def afford(self, plans: Sequence[Plan]) -> None:
        self.check_budgets(plans)

    def run(self, plan: Plan, cells: Sequence[Cell], rules: Policy, console: Console) -> bool:
        jobs = min(slots(plan), len(cells))
        if again := starting_again(cells):
            what = "cell has checkpoints" if again == 1 else "cells have checkpoints"
            text = f"{again} {what} by other code, packages or instruction set: training starts again"
            console.print(text, soft_wrap=True, style="yellow")
        with stoppable() as stop, LiveView(plan.name, len(cells), jobs, plan.outputs, console) as watch:
            Pool(plan, self.train, jobs, watch, rules, stop).run(cells)
        return stop.asked.is_set()

    def evaluation_jobs(self, plan: Plan) -> int | str:
        return plan.jobs


def starting_again(cells: Sequence[Cell]) -> int:
    """Return how many cells have checkpoints of which none is continued from; those for GPUs, on which a stamp depends,
    are not looked at."""
    count = 0
    for cell in cells:
        if found := stamps(cell.folder):
            import torch  # which checking the cells has loaded

            from dropgrid.store.environment import stamp

            on_cpu = cell.local["trainer"]["accelerator"] == "cpu"
            count += on_cpu and stamp(torch.device("cpu"), cell.config) not in found
    return count
