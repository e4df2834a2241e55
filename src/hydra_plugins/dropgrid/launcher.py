"""The local launcher: cells side by side on this machine, each in a process of its own."""

import sys
from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

ConfigStore.instance().store(
    group="hydra/launcher",
    name="dropgrid",
    node={"_target_": "hydra_plugins.dropgrid.launcher.DropgridLauncher"},
    provider="dropgrid",
)


class DropgridLauncher(Launcher):
    """Train the cells of another sweeper's override lists side by side; the dropgrid sweeper needs no launcher."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        pass

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from dropgrid.cli.launch import launch
        from dropgrid.cli.train import train_cell
        from dropgrid.cost.price import within_budget
        from dropgrid.execution.local import LocalEngine
        from dropgrid.planning.plan import plans

        code = launch(
            [plan for overrides in job_overrides for plan in plans(overrides)], LocalEngine(train_cell, within_budget)
        )
        if code:
            sys.exit(code)
        return [JobReturn(overrides=each, status=JobStatus.COMPLETED) for each in job_overrides]
