"""The command: `python scripts/train.py`, installed as `dropgrid-train`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dropgrid.errors import UserError
from dropgrid.paths import CONF

if TYPE_CHECKING:
    from torch import nn


def build_model(cfg: DictConfig | dict[str, Any]) -> "nn.Module":
    """The bare network of a composed config, initialised from its seed."""
    from omegaconf import OmegaConf

    from dropgrid import build
    from dropgrid.runs.identity import divide

    resolved: Any = OmegaConf.to_container(cfg, resolve=True) if isinstance(cfg, DictConfig) else cfg
    config, local = divide(resolved)
    net = build.network(config, build.source(config, local).spec())
    build.initialise(config, net)
    return net


def train_cell(cell: Mapping[str, Any], folder: Path) -> None:
    """What a cell's process runs."""
    from dropgrid.training import train

    train(cell, folder)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def task(cfg: DictConfig) -> dict[str, Any] | None:
    """Hydra's task: alone a sweep of one cell; under a foreign launcher it supervises its cell, never raises."""
    from dropgrid.runs.supervise import supervise
    from dropgrid.sweeps.launch import launch
    from dropgrid.sweeps.plan import plans

    overrides = list(HydraConfig.get().overrides.task)
    if HydraConfig.get().mode == RunMode.RUN:
        try:
            sys.exit(launch(plans(overrides), train_cell))
        except UserError as error:
            sys.exit(complain(error))
    plan = plans(overrides)[0]
    outcome = supervise(plan.supervised(plan.cells[0]), plan.outputs, train_cell)
    return {"cell": outcome.cell, "status": outcome.status, "failure": outcome.failure}


def arguments(given: list[str]) -> list[str]:
    """The command line as Hydra needs it, from what a user types.

    Flags may stand anywhere; the + of `+ablation=x` is optional, and it sweeps without -m. In a sweep `key=value`
    becomes `key=choice(value)`: Hydra applies plain values before any row or choice is known, and would refuse a key
    that the default option of its group lacks.
    """
    parsed = get_args_parser().parse_intermixed_args(given)
    flags = [each for each in given if each not in parsed.overrides]
    overrides = [f"+{each}" if each.startswith("ablation=") else each for each in parsed.overrides]
    if parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        return [*flags, *overrides]
    if any(each.startswith("+ablation=") for each in overrides) and not parsed.multirun:
        flags = [*flags, "--multirun"]
    if "--multirun" not in flags and not parsed.multirun:
        return [*flags, *overrides]
    return [*flags, *map(deferred, overrides)]


def deferred(override: str) -> str:
    """`key=value` as a choice of one; what adds, deletes, sweeps, or is about Hydra or places stays."""
    key, equals, value = override.partition("=")
    plain = equals and not key.startswith(("+", "~", "hydra", "paths"))
    try:
        swept = OverridesParser.create().parse_overrides([override])[0].is_sweep_override()
    except HydraException:
        return override  # Hydra says what is wrong with it
    return f"{key}=choice({value})" if plain and not swept else override


def complain(error: Exception) -> int:
    """A user's mistake, a line each; the exit code."""
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)
    return 2


def main() -> None:
    """Run Hydra so that whatever the user got wrong ends in one clear line and exit code 2."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises, and does not print and exit
    sys.argv[1:] = arguments(sys.argv[1:])
    try:
        task()
    except UserError as error:
        sys.exit(complain(error))
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        from dropgrid.sweeps.explain import explanation

        sys.exit(complain(explanation(error, get_args_parser().parse_intermixed_args().overrides)))
    except OSError as error:
        sys.exit(complain(UserError(f"cannot write {error.filename}: {error.strerror}")))
