"""The local launcher: cells side by side on this machine, each in a process of its own."""

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
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
    """Takes whole plans from the dropgrid sweeper, and plain override lists from any other."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        pass

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from dropgrid.sweeps.plan import plans

        self.launch_plans([plan for overrides in job_overrides for plan in plans(overrides)])
        return [JobReturn() for _ in job_overrides]

    def launch_plans(self, plans: Sequence[Any]) -> int:
        """Run the plans; the sweep's exit code."""
        from dropgrid.sweeps.launch import launch
        from dropgrid.train import train_cell

        return launch(plans, train_cell)
