"""The W&B sweep whose agents train an ablation's cells."""

import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from dropgrid.store.ablation import Ablation

HEAD = """# Agents that train the cells of {name}: make the sweep once, then start as many agents as you like.
#   wandb sweep {file}
#   wandb agent ENTITY/{project}/SWEEP
# An agent gives its runs ids of its own: start cells without agents (scripts/train.py logger=wandb) where a run's id
# is to be the cell's. What is finished is skipped, and outputs are the same.
"""


def sweep_yaml(ablation: Ablation, *, project: str, file: str) -> str:
    """Return the YAML of a grid over the cells' paths (`ROW/seed0`), run by the command that planned the ablation."""
    command = shlex.split(str(ablation.about.get("command") or f"python scripts/train.py +ablation={ablation.name}"))
    value: dict[str, Any] = {
        "name": ablation.name,
        "project": project,
        "method": "grid",
        "metric": {
            "name": ablation.task.selecting(ablation.metric),
            "goal": "minimize" if ablation.task.lower_is_better else "maximize",
        },
        "parameters": {"sweep.only": {"values": [quote_value(each) for each in cell_paths(ablation)]}},
        "program": "scripts/train.py",
        "command": ["${env}", *command, "logger=wandb", "${args_no_hyphens}"],
    }
    head = HEAD.format(name=ablation.name, file=file, project=project)
    return head + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def cell_paths(ablation: Ablation) -> Sequence[str]:
    """Return each cell's path, as `sweep.only` takes it."""
    return [cell.path for cell in ablation.cells]


def quote_value(text: str) -> str:
    """Return a value quoted for Hydra's overrides."""
    return "'" + text.replace("'", "\\'") + "'"
