"""Train a run, a sweep (-m) or an ablation (+ablation=NAME): `python scripts/train.py [OVERRIDES…]`."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid import json_output
from dropgrid.commands import INTERRUPTED, run_guarded, run_words
from dropgrid.errors import UserError
from dropgrid.paths import CONF
from dropgrid.store.answers import answered

if TYPE_CHECKING:  # Hydra takes half a second to import, and an answer that is kept needs none of it
    from omegaconf import DictConfig
    from torch import nn

    from dropgrid.planning.command_line import CommandLine


def build_model(cfg: "DictConfig | dict[str, Any]") -> "nn.Module":
    """Return the network of a composed config, initialised from its seed."""
    from omegaconf import DictConfig

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


def task(cfg: "DictConfig") -> dict[str, Any] | None:
    """Run Hydra's task: a sweep of one cell; under another sweeper's launcher, supervise the cell and never raise."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from dropgrid.cli.launch import launch
    from dropgrid.cost.autotune import resolve_auto
    from dropgrid.cost.price import within_budget
    from dropgrid.execution.local import LocalEngine
    from dropgrid.execution.pool import run_only_cell
    from dropgrid.planning.plan import plans

    overrides = list(HydraConfig.get().overrides.task)
    if HydraConfig.get().mode == RunMode.RUN:
        engine = LocalEngine(train_cell, within_budget)
        sys.exit(run_guarded(lambda: launch(plans(overrides, expect=engine.expect), engine)))
    (plan,) = resolve_auto(plans(overrides)[:1])
    outcome = run_only_cell(plan, train_cell)
    if outcome.status == "stopped":
        sys.exit(INTERRUPTED)
    return {"cell": outcome.cell, "status": outcome.status, "failure": outcome.failure}


def run_task() -> None:
    """Run the task as Hydra does."""
    import hydra

    hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")(task)()


def main() -> None:
    """Run Hydra; a user's mistake ends in one line and exit code 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing and exiting
    sys.exit(run_words("train", lambda words: answered("train", words, lambda: run_hydra(words)), sys.argv[1:]))


def run_hydra(words: Sequence[str]) -> int:
    """Check the command line and have Hydra run it; explain what Hydra refuses."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from dropgrid.planning import policy
    from dropgrid.planning.command_line import RUNNING, read_command_line

    json_output.give(tables=[], failed=[], lost=[])
    line = read_command_line(words)
    if json_output.wanted() and line.shows:
        raise UserError("--json goes with training; --cfg, --info, --hydra-help and --shell-completion print text")
    sys.argv[1:] = line.arguments
    RUNNING.set(line)
    try:
        policy.check_command(line)
        run_task()
        return swept_by_another(line)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        from dropgrid.planning.explain import explanation

        raise explanation(error, line.overrides) from error


def swept_by_another(line: "CommandLine") -> int:
    """Return the exit code after another sweeper than ours, which does not say how its jobs ended: 1 unless each cell
    of the command is finished.
    """
    from dropgrid.planning.compose import hydra_context
    from dropgrid.planning.plan import plans
    from dropgrid.store.records import is_finished

    if not line.sweeps or not any("hydra/sweeper" in text or "hydra.sweeper" in text for text in line.about_hydra):
        return 0
    with hydra_context(line):
        cells = {cell.id: cell for plan in plans(line.overrides_of_cells) for cell in plan.cells}.values()
    left = [cell.label for cell in cells if not is_finished(cell.run)]
    if left:
        print(f"{len(left)} of {len(cells)} cells are not finished: {', '.join(left[:3])}{', …' if left[3:] else ''}")
    return 1 if left else 0
