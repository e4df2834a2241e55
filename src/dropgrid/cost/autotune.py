"""`trainer.precision=auto`, `trainer.channels_last=auto`: the fastest values on this machine, measured once.

The bits of training depend on these values, so a cell's config has them and never `auto`. The choice is made for the
plan's first row and saved beside the outputs, so that the same command gives the same cells on every machine that
shares the outputs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from dropgrid.commands import terminal
from dropgrid.cost.probe import cost_class, measure_paces
from dropgrid.data.cache import digest
from dropgrid.errors import UserError
from dropgrid.execution.forkserver import warm
from dropgrid.execution.slots import slots
from dropgrid.planning.types import Plan, modules
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_json, write_json
from dropgrid.store.layout import machine_file

AUTO = "auto"
CHOICES: Mapping[str, tuple[Any, ...]] = {"precision": ("32-true", "bf16-mixed"), "channels_last": (False, True)}
"""Key -> values to measure; the first is kept unless a later one is faster by `MARGIN`."""

MARGIN = 1.03
"""Ratio of rates below which a difference counts as noise."""

TURNS = 2
"""Measurements of each combination, in turn; the best counts."""

LIKELY = (("32-true", False), ("32-true", True), ("bf16-mixed", True))
"""Combinations that may be fastest: bfloat16 is slow in the contiguous format wherever it is fast."""


def open_keys(cell: Cell) -> list[str]:
    """Return the keys of a cell's trainer that are still `auto`; UserError for a key that may not be."""
    found = [key for key, value in cell.config["trainer"].items() if value == AUTO]
    for key in found:
        if key not in CHOICES:
            raise UserError(f"trainer.{key} cannot be auto; only {' and '.join(CHOICES)} can")
    return found


def resolve_auto(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans with the fastest value for every `auto`, measured in separate processes."""
    return [resolve_plan(plan) for plan in plans]


def resolve_plan(plan: Plan) -> Plan:
    """Return the plan with the fastest value for every `auto`."""
    if not any(open_keys(cell) for cell in plan.cells):
        return plan
    chosen = fastest_values(plan, plan.cells[0])
    return replace(plan, cells=[with_values(cell, chosen) for cell in plan.cells])


def with_values(cell: Cell, chosen: Mapping[str, Any]) -> Cell:
    """Return the cell with the chosen values for its `auto` keys, in its config and in its command."""
    values = {key: chosen[key] for key in open_keys(cell)}
    config = {**cell.config, "trainer": {**cell.config["trainer"], **values}}
    typed = [f"trainer.{key}={str(value).lower()}" for key, value in values.items()]
    line = [*cell.overrides[:-1], *typed, cell.overrides[-1]]
    return cell.variant(config, line)


def fastest_values(plan: Plan, cell: Cell) -> dict[str, Any]:
    """Return the fastest values of all keys, from an earlier measurement or a new one."""
    path = machine_file(Path(cell.local["paths"]["cache"]), "fastest", digest(cost_class(cell)))
    known = read_json(path)
    if known is None:
        known = measure_combinations(plan, cell)
        write_json(path, known)
        console = terminal(stderr=True)
        rates = ", ".join(f"{name} {rate:.2f}" for name, rate in known["rates"].items())
        console.print(
            f"fastest on this machine, as speed relative to the first: {rates}; saved in {path}", soft_wrap=True
        )
    return dict(known["chosen"])


def measure_combinations(plan: Plan, cell: Cell) -> dict[str, Any]:
    """Train each combination for seconds, as many at once as cells will train; return the choice and relative rates."""
    trainer = cell.config["trainer"]
    free = open_keys(cell)
    wanted = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values()) if values in LIKELY]
    for key in CHOICES:
        if key not in free:
            wanted = [{**each, key: trainer[key]} for each in wanted]
    unique = list({json.dumps({key: each[key] for key in free}): each for each in wanted}.values())
    candidates = [with_values(cell, each) for each in unique]
    warm(modules(plan.configs))
    jobs = slots(replace(plan, cells=candidates))
    turns = [[measure_paces(plan, [each], jobs)[cost_class(each)].epoch for each in candidates] for _ in range(TURNS)]
    seconds = [min(each) for each in zip(*turns, strict=True)]
    rates = [seconds[0] / each for each in seconds]
    best = 0
    for index, rate in enumerate(rates):
        if rate > rates[best] * MARGIN:
            best = index
    names = [" ".join(f"{key}={str(each[key]).lower()}" for key in free) for each in unique]
    return {"chosen": {key: unique[best][key] for key in free}, "rates": dict(zip(names, rates, strict=True))}
