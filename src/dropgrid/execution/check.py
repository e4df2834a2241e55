"""Check every cell of a sweep before the first trains; all errors are reported together."""

import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from dropgrid.commands import terminal
from dropgrid.errors import UserError
from dropgrid.execution.supervisor import warm
from dropgrid.planning.types import Plan
from dropgrid.store.identity import treatment_id

NETS = 32
"""The most networks that are kept, the latest ones: rows often differ in the optimizer alone."""


def check_trainer(config: Mapping[str, Any], local: Mapping[str, Any]) -> None:
    """Raise UserError if Lightning refuses a cell's trainer, found in a process that has Lightning loaded.

    This process need not spend seconds on loading it: the one that cells are forks of has it.
    """
    from dropgrid.training.trainer import make_trainer

    if "pytorch_lightning" in sys.modules:
        make_trainer(config, local)
        return
    warm()
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as other:
        other.submit(try_trainer, config, local).result()


def try_trainer(config: Mapping[str, Any], local: Mapping[str, Any]) -> None:
    """Make the trainer and drop it: the result stays in that process."""
    from dropgrid.training.trainer import make_trainer

    make_trainer(config, local)


def check(found: Sequence[Plan]) -> None:
    """Build what every unfinished cell needs on the meta device and read its data; all errors together, one a line."""
    from dropgrid import build
    from dropgrid.execution.selection import outdated, todo
    from dropgrid.planning.evaluations import requested_evaluations

    problems: dict[str, list[str]] = {}
    seen: set[str] = set()
    trainers: set[str] = set()
    nets: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    for plan in found:
        requested_evaluations(plan)  # a misspelt evaluation is not found hours later
        for cell in todo(plan, outdated(plan)):
            treatment = treatment_id(cell.config)
            if treatment in seen:
                continue
            seen.add(treatment)
            try:
                data, about = json.dumps([cell.config["data"], cell.local["data"]]), build.about_network(cell.config)
                known = data in sources
                source = sources[data] if known else build.source(cell.config, cell.local)
                spec = source.spec()
                nets[about] = build.check(cell.config, cell.local, spec, nets.pop(about, None))
                if len(nets) > NETS:
                    nets.pop(next(iter(nets)))
                trainer = json.dumps([cell.config["trainer"], cell.local["trainer"]])
                if trainer not in trainers:
                    check_trainer(cell.config, cell.local)
                trainers.add(trainer)
                if not known:
                    with terminal(stderr=True).status(f"reading {spec.train + spec.val + spec.test:,} images"):
                        source.prepare()
                    sources[data] = source
            except (UserError, ValueError) as error:
                problems.setdefault(str(error), []).append(cell.row)
    if problems:
        rows = len({cell.row for plan in found for cell in plan.cells})
        raise UserError(
            "\n".join(
                message
                if rows == 1 or len(set(where)) == rows
                else f"{message} (row {', '.join(dict.fromkeys(where))})"
                for message, where in problems.items()
            )
        )
