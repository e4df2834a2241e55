"""The command: `python scripts/train.py`, installed as `dropgrid-train`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dropgrid.commands import print_error, run_guarded
from dropgrid.errors import UserError
from dropgrid.paths import CONF
from dropgrid.planning import policy
from dropgrid.planning.command_line import RUNNING, read_command_line

if TYPE_CHECKING:
    from torch import nn


def build_model(cfg: DictConfig | dict[str, Any]) -> "nn.Module":
    """Return the network of a composed config, initialised from its seed."""
    from dropgrid import build
    from dropgrid.planning.compose import resolved_config
    from dropgrid.store.identity import divide

    config, local = divide(resolved_config(cfg) if isinstance(cfg, DictConfig) else cfg)
    source = build.source(config, local)
    net = build.network(config, source.spec())
    build.initialise(config, local, net, lambda: build.first_batch(config, source.load()))
    return net


def train_cell(cell: Mapping[str, Any], folder: Path) -> None:
    """Train in a cell's process."""
    from dropgrid.training.train import train

    train(cell, folder)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def task(cfg: DictConfig) -> dict[str, Any] | None:
    """Run Hydra's task: a sweep of one cell; under another sweeper's launcher, supervise the cell and never raise."""
    from dropgrid.cli.launch import launch
    from dropgrid.cost.autotune import settle
    from dropgrid.cost.price import within_budget
    from dropgrid.execution.local import LocalEngine
    from dropgrid.execution.pool import run_only_cell
    from dropgrid.planning.plan import plans

    overrides = list(HydraConfig.get().overrides.task)
    if HydraConfig.get().mode == RunMode.RUN:
        try:
            engine = LocalEngine(train_cell, within_budget)
            sys.exit(launch(plans(overrides, expect=engine.expect), engine))
        except UserError as error:
            sys.exit(print_error(error))
    (plan,) = settle(plans(overrides)[:1])
    outcome = run_only_cell(plan, train_cell)
    if outcome.status == "stopped":
        sys.exit(130)
    return {"cell": outcome.cell, "status": outcome.status, "failure": outcome.failure}


def main() -> None:
    """Run Hydra; a user's mistake ends in one line and exit code 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing and exiting
    sys.exit(run_guarded(run_hydra))


def run_hydra() -> int:
    """Check the command line and have Hydra run it; explain what Hydra refuses."""
    line = read_command_line(sys.argv[1:])
    sys.argv[1:] = line.arguments
    RUNNING.set(line)
    try:
        policy.check_command(line)
        task()
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        from dropgrid.planning.explain import explanation

        raise explanation(error, line.overrides) from error
    return 0
