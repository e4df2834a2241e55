"""Hydra's door to the planner: `-m` and `+ablation=…`."""

import sys
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from dropgrid.errors import UserError
from hydra_plugins.dropgrid.launcher import DropgridLauncher

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="dropgrid",
    node={"_target_": "hydra_plugins.dropgrid.sweeper.DropgridSweeper"},
    provider="dropgrid",
)


class DropgridSweeper(Sweeper):
    """Plans all cells, checks them together, and gives those not finished to the launcher."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from dropgrid.sweeps.check import check
        from dropgrid.sweeps.plan import plans

        found = plans(arguments)
        if isinstance(self.launcher, DropgridLauncher):
            sys.exit(self.launcher.launch_plans(found))
        from dropgrid.sweeps.launch import finish
        from dropgrid.sweeps.pool import policy
        from dropgrid.sweeps.price import budget
        from dropgrid.sweeps.record import write_plan
        from dropgrid.sweeps.todo import todo

        rules = [policy(plan) for plan in found]
        for plan in found:
            if plan.then is not None or plan.about.get("looks"):
                raise UserError("sweep.tune and sweep.seeds=auto decide between cells: without hydra/launcher")
            if budget(plan) is not None:
                raise UserError("sweep.budget needs the slots of this machine: without hydra/launcher, or leave it out")
        check(found)
        for plan, each in zip(found, rules, strict=True):
            write_plan(plan)
            cells = todo(plan, each.outdated)
            if cells:
                self.launcher.launch([[*cell.overrides, *plan.place] for cell in cells], initial_job_idx=0)
        sys.exit(max(finish(plan) for plan in found))
