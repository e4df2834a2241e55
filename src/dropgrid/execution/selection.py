"""Which cells of a plan are to be trained, by `sweep.rerun` and `sweep.only`."""

import time
from collections.abc import Callable, Iterable

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.execution.supervisor import never
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.own_code import CurrentCode
from dropgrid.store.records import Result, is_finished, read_failure, read_result

RERUNS = ("none", "failed", "stale", "all")


def distinct(plan: Plan) -> list[Cell]:
    """Return the plan's cells, each once."""
    return list({cell.id: cell for cell in plan.cells}.values())


def selected(plan: Plan) -> list[Cell]:
    """Return the cells that `sweep.only` names by row, by seed (`seed0`) or by both (`ROW/seed0`); all if it is null.

    Raises:
        UserError: a name that no cell has.
    """
    asked = plan.sweep.get("only")
    if asked is None:
        return distinct(plan)
    names = [str(each) for each in (asked if isinstance(asked, list) else [asked])]
    paths = {cell.id: f"/{cell.path}/" for cell in distinct(plan)}
    for name in names:
        if not any(f"/{name}/" in each for each in paths.values()):
            rows = ", ".join(dict.fromkeys(cell.row for cell in plan.cells))
            raise UserError(f"sweep.only: no row or cell {name!r}; there are ROW, ROW/seed0, seed0 of the rows {rows}")
    return [cell for cell in distinct(plan) if any(f"/{name}/" in paths[cell.id] for name in names)]


def current_result(cell: Cell) -> Result | None:
    """Return a cell's result as it is now; None if it is not finished, or its result is damaged."""
    return read_result(cell.run)


def unfinished(plan: Plan) -> list[Cell]:
    """Return the cells that have no result."""
    return [cell for cell in distinct(plan) if not is_finished(cell.run)]


def older(found: Iterable[Result]) -> int:
    """Return how many results other code than this made; it is read once, not for each of thousands of them."""
    code = CurrentCode()
    return sum(code.differs(each.get("provenance") or {}) for each in found)


def outdated(plan: Plan, asked: float | None = None) -> Callable[[Result], bool]:
    """Return the predicate of results that are to be made again, for a sweep `asked` for at that time, else now."""
    rerun, now = plan.sweep["rerun"], asked or time.time()
    if rerun == "stale":
        code = CurrentCode()
        return lambda found: code.differs(found.get("provenance") or {})
    if rerun == "all":
        return lambda found: bool(((found.get("provenance") or {}).get("finished") or 0.0) < now)
    checks.one_of("sweep.rerun", rerun, RERUNS, error=UserError)
    return never


def todo(plan: Plan, again: Callable[[Result], bool]) -> list[Cell]:
    """Return the cells to train: those without a result, unless they failed and `sweep.rerun=none`, and outdated ones.

    If `sweep.only` names rows or cells, of those alone.
    """
    chosen = []
    for cell in selected(plan):
        found = current_result(cell)
        if found is not None and again(found):
            chosen.append(cell)
        if found is None and (plan.sweep["rerun"] != "none" or read_failure(cell.run) is None):
            chosen.append(cell)
    return chosen
