"""A Hydra sweeper that runs dropgrid's planner, for `-m` and `+ablation=…`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="dropgrid",
    node={"_target_": "hydra_plugins.dropgrid.sweeper.DropgridSweeper"},
    provider="dropgrid",
)


class DropgridSweeper(Sweeper):
    """Plan all cells, check them together, and give those not finished to the launcher, in packs."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context = hydra_context
        self.config: Any = config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep of the command line as it was read; `arguments` are its overrides as Hydra needed them."""
        from dropgrid.cli.launch import launch
        from dropgrid.cli.train import train_cell
        from dropgrid.cluster.allocation import OURS
        from dropgrid.cluster.remote import RemoteEngine
        from dropgrid.cost.price import within_budget
        from dropgrid.execution.local import LocalEngine
        from dropgrid.planning.command_line import RUNNING
        from dropgrid.planning.plan import plans

        launcher: Any = OmegaConf.to_container(self.config.hydra.launcher, resolve=True)
        engine = (
            LocalEngine(train_cell, within_budget)
            if launcher["_target_"] == OURS
            else RemoteEngine(launcher, self.launch)
        )
        sys.exit(launch(plans(RUNNING.get().overrides_of_cells, expect=engine.expect), engine))

    def launch(self, jobs: Sequence[Sequence[str]], settings: Mapping[str, Any]) -> Any:
        """Hand jobs to the chosen launcher, with our values for the settings left open."""
        from dropgrid.cluster.job import train_pack
        from dropgrid.errors import UserError, one_line

        config = self.config.copy()
        for key, value in settings.items():
            OmegaConf.update(config.hydra.launcher, key, value, force_add=True)
        try:
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=self.context, task_function=train_pack, config=config
            )
        except Exception as error:
            reason = one_line(error.__cause__ or error)
            raise UserError(f"the launcher refuses its settings (hydra.launcher.…): {reason}") from error
        return launcher.launch(jobs, initial_job_idx=0)
