"""Check every cell of a sweep before the first trains; all errors are reported together."""

import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from dropgrid.commands import terminal
from dropgrid.errors import UserError
from dropgrid.execution.forkserver import TRIES, UNREACHABLE, warm
from dropgrid.instantiate import instantiate
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.identity import treatment_id
from dropgrid.store.manifest import refuse_other_data
from dropgrid.tasks.description import trains_itself

NETS = 32
"""The most networks that are kept, the latest ones: rows often differ in the optimizer alone."""


APART = ("seed", "optimizer", "lr_schedule", "augment", "average", "loss", "penalty", "task")
"""Axes of which a network, as it is checked, knows nothing; `penalty_2` as `penalty`."""


class Checked(NamedTuple):
    """What is known before anything trains.

    `data` are lines on what was understood of each data set (`dropgrid.data.source.described`), `largest` the bytes of
    the largest network, 0 if every cell is finished.
    """

    data: list[str]
    largest: int


def about_network(config: Mapping[str, Any]) -> str:
    """Equal for configs of one network."""
    return json.dumps({key: node for key, node in config.items() if not key.startswith(APART)}, sort_keys=True)


def check_trainer(config: Mapping[str, Any], local: Mapping[str, Any]) -> None:
    """Raise UserError if Lightning refuses a cell's trainer, found in a process that has Lightning loaded.

    This process need not spend seconds on loading it: the one that cells are forks of has it.
    """
    from dropgrid.training.trainer import make_trainer

    if "pytorch_lightning" in sys.modules:
        make_trainer(config, local)
        return
    for attempt in range(TRIES):
        warm()
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as other:
                return other.submit(try_trainer, config, local).result()
        except UNREACHABLE:  # the forkserver died, and the process with it
            if attempt == TRIES - 1:
                raise


def check_own_training(config: Mapping[str, Any], local: Mapping[str, Any]) -> None:
    """Raise UserError for a training of one's own that would not begin."""
    instantiate("task", config["task"]).check()
    if "max_epochs" in config["trainer"]:
        check_trainer(config, local)


def try_trainer(config: Mapping[str, Any], local: Mapping[str, Any]) -> None:
    """Make the trainer and drop it: the result stays in that process."""
    from dropgrid.training.trainer import make_trainer

    make_trainer(config, local)


def check(found: Sequence[Plan]) -> Checked:
    """Build what every unfinished cell needs on the meta device and read its data; all errors together, one a line."""
    from dropgrid import build
    from dropgrid.data.source import described
    from dropgrid.dry_build import dry_build
    from dropgrid.execution.selection import outdated, todo
    from dropgrid.planning.evaluations import requested_evaluations

    problems: dict[str, list[str]] = {}
    seen: set[str] = set()
    trainers: set[str] = set()
    nets: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    largest = 0
    understood: dict[tuple[str, ...], str] = {}  # fingerprint and lines -> name
    for plan in found:
        refuse_other_data(plan.outputs, plan.name, plan.cells)
        requested_evaluations(plan)  # a misspelt evaluation is not found hours later
        for cell in todo(plan, outdated(plan)):
            treatment = treatment_id(cell.config)
            if treatment in seen:
                continue
            seen.add(treatment)
            try:
                if trains_itself(cell.config):
                    check_own_training(cell.config, cell.local)
                    continue
                data, about = json.dumps([cell.config["data"], cell.local["data"]]), about_network(cell.config)
                known = data in sources
                source = sources[data] if known else build.planned(cell.config, cell.local)
                spec = source.spec()
                nets[about] = dry_build(cell.config, cell.local, spec, nets.pop(about, None))
                largest = max(largest, sum(each.nbytes for each in nets[about].parameters()))
                if len(nets) > NETS:
                    nets.pop(next(iter(nets)))
                trainer = json.dumps([cell.config["trainer"], cell.local["trainer"]])
                if trainer not in trainers:
                    check_trainer(cell.config, cell.local)
                trainers.add(trainer)
                if not known:
                    with terminal(stderr=True).status(f"reading {spec.train + spec.val + spec.test:,} images"):
                        splits = source.prepare()
                    found_out = (source.fingerprint(), *described(source, splits))
                    understood.setdefault(found_out, name_of_data(cell))
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
    if len(understood) == 1:
        return Checked([*next(iter(understood))[1:]], largest)
    return Checked([f"{name}: {line}" for (_, *lines), name in understood.items() for line in lines], largest)


def name_of_data(cell: Cell) -> str:
    """Return what tells a cell's data set from others of the sweep: its factors that are about data, else its row."""
    factors = [f"{key}={value}" for key, value in cell.factors.items() if key.partition(".")[0] == "data"]
    return ", ".join(factors) or cell.row
