"""Which cells of a plan are to be trained, as `sweep.rerun` says."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.execution.supervisor import never
from dropgrid.planning.types import Cell, Plan
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.inventory import path
from dropgrid.store.records import read_json, run_folder

RERUNS = ("none", "failed", "stale", "all")
Result = Mapping[str, Any]


def distinct(plan: Plan) -> list[Cell]:
    """The plan's cells, each once."""
    return list({cell.id: cell for cell in plan.cells}.values())


def only(plan: Plan) -> list[Cell]:
    """The cells that `sweep.only` names by row, by seed (`seed0`) or by both (`ROW/seed0`); all where it is null.

    Raises:
        UserError: a name that no cell has.
    """
    asked = plan.sweep.get("only")
    if asked is None:
        return distinct(plan)
    names = [str(each) for each in (asked if isinstance(asked, list) else [asked])]
    paths = {cell.id: f"/{path(vars(cell))}/" for cell in distinct(plan)}
    for name in names:
        if not any(f"/{name}/" in each for each in paths.values()):
            rows = ", ".join(dict.fromkeys(cell.row for cell in plan.cells))
            raise UserError(f"sweep.only: no row or cell {name!r}; there are ROW, ROW/seed0, seed0 of the rows {rows}")
    return [cell for cell in distinct(plan) if any(f"/{name}/" in paths[cell.id] for name in names)]


def result(plan: Plan, cell: Cell) -> Result | None:
    """A cell's result, once it has one."""
    found: Result | None = read_json(run_folder(plan.outputs, cell.id) / "result.json")
    return found


def failure(plan: Plan, cell: Cell) -> dict[str, Any] | None:
    """Why a cell failed when it was last tried."""
    found: dict[str, Any] | None = read_json(run_folder(plan.outputs, cell.id) / "failure.json")
    return found


def unfinished(plan: Plan) -> list[Cell]:
    """The cells that have no result."""
    return [cell for cell in distinct(plan) if not (run_folder(plan.outputs, cell.id) / "result.json").exists()]


def stale(found: Result, source: str) -> bool:
    """Whether a result is by another source than that."""
    return bool(found["provenance"]["source"] != source)


def older(found: Iterable[Result]) -> int:
    """How many results are by another source than this; it is read once, not for each of thousands of them."""
    now = source_fingerprint()
    return sum(stale(each, now) for each in found)


def outdated(plan: Plan, asked: float | None = None) -> Callable[[Result], bool]:
    """Of a result: whether it is to be made again, as was `asked` for then, else now."""
    rerun, now = plan.sweep["rerun"], asked or time.time()
    if rerun == "stale":
        return partial(stale, source=source_fingerprint())
    if rerun == "all":
        return lambda found: bool(found["provenance"]["finished"] < now)
    checks.one_of("sweep.rerun", rerun, RERUNS, error=UserError)
    return never


def todo(plan: Plan, again: Callable[[Result], bool]) -> list[Cell]:
    """The cells to train: what has no result, unless it failed and `sweep.rerun=none`, and what is outdated.

    Where `sweep.only` names rows or cells, of those alone.
    """
    chosen = []
    for cell in only(plan):
        found = result(plan, cell)
        if found is not None and again(found):
            chosen.append(cell)
        if found is None and (plan.sweep["rerun"] != "none" or failure(plan, cell) is None):
            chosen.append(cell)
    return chosen
