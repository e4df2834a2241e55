"""Cost estimate before training: cells, time and disk space of a sweep, and whether it is within its budget."""

import heapq
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid.cost.probe import Pace, cost_class, keep_paces, kept_pace, measure_paces
from dropgrid.errors import UserError
from dropgrid.execution.live_view import minutes
from dropgrid.execution.selection import current_result, distinct, older, outdated, todo
from dropgrid.execution.slots import slots
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.identity import treatment_id
from dropgrid.store.records import Result
from dropgrid.tasks.description import task_option

if TYPE_CHECKING:
    from dropgrid.cost.profile import CellProfile

SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class PriceLine:
    """A row within a combination of factors, and its cells.

    `older`: finished cells that were trained by a different version of the code. `seconds` of one cell: expected, or,
    if none is to be trained, measured; None if neither is known.
    """

    row: str
    factors: Mapping[str, str]
    seeds: Sequence[int]
    facts: "CellProfile"
    finished: int
    older: int
    todo: int
    seconds: float | None


@dataclass(frozen=True)
class Price:
    """The cost of a plan.

    `lines`: in the order of the table. `seconds`: expected, on `slots` cells side by side; None if nothing is timed.
    `files`: bytes that the cells to train leave. `checkpoints`: bytes of checkpoints while they train. `timed_at`: when
    the oldest pace was measured, in seconds since 1970. `share`: of a core, that probes got, if the machine was busy.
    """

    plan: Plan
    lines: Sequence[PriceLine]
    cells: int
    distinct: int
    finished: int
    older: int
    todo: int
    slots: int
    seconds: float | None
    files: int
    checkpoints: int
    timed_at: float | None = None
    share: float | None = None


@dataclass
class Pricing:
    """Prices plans that run in sequence: a cell or kind of cell that one plan covers costs the next ones nothing.

    Without `timed` nothing is measured, and the seconds of each cell are nan.
    """

    paces: dict[str, Pace] = field(default_factory=dict)
    facts: dict[str, "CellProfile"] = field(default_factory=dict)
    trained: set[str] = field(default_factory=set)
    timed: bool = True

    def price(self, plan: Plan) -> Price:
        """Return the price of the next plan, after a probe of each kind of cell that is not measured yet."""
        cells = self.waiting(plan)
        seconds = self.expected(plan, cells)
        results = {cell.id: found for cell in distinct(plan) if (found := current_result(cell)) is not None}
        lines = [self.line_of(group, results, seconds) for group in cells_by_row(plan)]
        jobs = min(slots(plan), len(cells)) or slots(plan)
        self.trained |= seconds.keys()
        used = {f"{jobs} {cost_class(cell)}" for cell in cells} if self.timed else ()
        paces = [self.paces[key] for key in used if key in self.paces]
        return Price(
            plan,
            lines,
            len(plan.cells),
            len(distinct(plan)),
            len(results),
            older(results.values()),
            len(cells),
            jobs,
            known_or_none(makespan(list(seconds.values()), jobs)) if self.timed else None,
            sum(self.fact(cell).files for cell in cells),
            jobs * max((self.fact(cell).checkpoints for cell in cells), default=0),
            timed_at=min((pace.when for pace in paces if pace.when), default=None),
            share=min((pace.share for pace in paces if pace.busy and pace.share), default=None),
        )

    def waiting(self, plan: Plan) -> list[Cell]:
        """Return the cells that a plan will train."""
        return [cell for cell in todo(plan, outdated(plan)) if cell.id not in self.trained]

    def expected(self, plan: Plan, cells: Sequence[Cell]) -> dict[str, float]:
        """Return id -> expected seconds of each cell."""
        if not self.timed:
            return {cell.id: math.nan for cell in cells}
        jobs = min(slots(plan), len(cells)) or 1
        kinds: dict[str, list[Cell]] = {}
        functions = {cell.id for cell in cells if task_option(cell.config) == "Function"}
        for cell in [each for each in cells if each.id not in functions]:
            kinds.setdefault(f"{jobs} {cost_class(cell)}", []).append(cell)
        cache = Path(plan.cells[0].local["paths"]["cache"])
        unknown = [key for key in kinds if key not in self.paces]
        self.paces |= {key: pace for key in unknown if (pace := kept_pace(cache, key)) is not None}
        # the cell with the most sites: no other of its kind takes longer
        chosen = [max(each, key=lambda c: self.fact(c).sites) for key, each in kinds.items() if key not in self.paces]
        timed = {f"{jobs} {key}": pace for key, pace in measure_paces(plan, chosen, jobs).items()}
        keep_paces(cache, timed)
        self.paces |= timed
        found = {cell.id: self.paces[key].seconds(cell) for key, each in kinds.items() for cell in each}
        if functions:
            found |= dict.fromkeys(functions, self.finished_seconds(plan))
        return {cell.id: found[cell.id] for cell in cells}

    def finished_seconds(self, plan: Plan) -> float:
        """Return the mean seconds of a plan's finished cells: a function cannot be probed; nan if there are none."""
        results = filter(None, map(current_result, distinct(plan)))
        taken = [*filter(None, ((each.get("timing") or {}).get("total_seconds") for each in results))]
        return sum(taken) / len(taken) if taken else math.nan

    def fact(self, cell: Cell) -> "CellProfile":
        """Return a cell's size, computed once for each row."""
        from dropgrid.cost.profile import profile_cell  # imports torch, which a mistaken command need not wait for

        key = treatment_id(cell.config)
        if key not in self.facts:
            self.facts[key] = profile_cell(cell)
        return self.facts[key]

    def line_of(self, cells: Sequence[Cell], results: Mapping[str, Result], seconds: Mapping[str, float]) -> PriceLine:
        """Return the line of the cells of one row and combination of factors."""
        found = [results[cell.id] for cell in cells if cell.id in results]
        expected = [seconds[cell.id] for cell in cells if cell.id in seconds]
        taken = expected or [*filter(None, ((each.get("timing") or {}).get("total_seconds") for each in found))]
        return PriceLine(
            cells[0].row,
            cells[0].factors,
            [cell.seed for cell in cells],
            self.fact(cells[0]),
            len(found),
            older(found),
            len(expected),
            known_or_none(sum(taken) / len(taken)) if taken and self.timed else None,
        )


def known_or_none(seconds: float) -> float | None:
    """Return seconds, or None if they are not known (nan)."""
    return None if math.isnan(seconds) else seconds


def cells_by_row(plan: Plan) -> list[list[Cell]]:
    """Return the plan's cells, grouped by combination of factors and row."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in plan.cells:
        groups.setdefault((str(cell.factors), cell.row), []).append(cell)
    return list(groups.values())


def makespan(seconds: Sequence[float], slots: int) -> float:
    """Return when the last cell ends if each one starts in the slot that is free first; nan if a time is not known."""
    if any(map(math.isnan, seconds)):
        return math.nan
    ends = [0.0] * slots
    for each in seconds:
        heapq.heappush(ends, heapq.heappop(ends) + each)
    return max(ends)


def budget_seconds(plan: Plan) -> float | None:
    """Return `sweep.budget` in seconds; None if it is null."""
    given: Any = plan.sweep["budget"]
    if given is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)([smhd])", str(given))
    if found is None or float(found[1]) <= 0:
        raise UserError(
            f"sweep.budget must be a time above 0 with its unit, as 45s, 90m, 2h or 1.5d (or null), got {given!r}"
        )
    return float(found[1]) * SECONDS_OF[found[2]]


def within_budget(plans: Sequence[Plan], measured: Mapping[str, Pace] | None = None) -> None:
    """Raise UserError if a plan is expected to end after its `sweep.budget`, counted from the start of the first.

    Measures nothing if no plan has a budget, and no kind of cell that is in `measured` (`Pricing.paces`).
    """
    budgets = [budget_seconds(plan) for plan in plans]
    if all(each is None for each in budgets):
        return
    pricing, spent = Pricing(dict(measured or {})), 0.0
    for plan, allowed in zip(plans, budgets, strict=True):
        cells = pricing.waiting(plan)
        seconds = pricing.expected(plan, cells)
        pricing.trained |= seconds.keys()
        total = spent + makespan(list(seconds.values()), min(slots(plan), len(cells)) or 1)
        if allowed is not None and math.isnan(total):
            one = f"sweep.only=[{cells[0].path}]"
            raise UserError(f"sweep.budget needs the time of a cell, and none is finished: train one first, by {one}")
        if cells and allowed is not None and total > allowed:
            raise UserError(budget_error(plan, cells, seconds, spent, allowed))
        spent = total


def budget_error(plan: Plan, cells: Sequence[Cell], seconds: Mapping[str, float], spent: float, allowed: float) -> str:
    """Return the error: the expected time, the budget, and which seeds would fit."""
    jobs = min(slots(plan), len(cells))
    total = spent + makespan([seconds[cell.id] for cell in cells], jobs)
    seeds = list(dict.fromkeys(cell.seed for cell in plan.cells))
    fits, takes = 0, 0.0
    for number in range(1, len(seeds)):
        of_these = [seconds[cell.id] for cell in cells if cell.seed in seeds[:number]]
        end = spent + makespan(of_these, jobs)
        if end > allowed:
            break
        fits, takes = (number, end) if of_these else (0, 0.0)
    named = ",".join(map(str, seeds[:fits]))
    more = " more" if len(cells) < len(distinct(plan)) else ""
    advice = f"seed={named} would fit ({minutes(takes)})" if fits else f"not even one{more} seed fits"
    before = f" after {minutes(spent)} of others" if spent else ""
    count = "1 cell is" if len(cells) == 1 else f"{len(cells)} cells on {jobs} {'slot' if jobs == 1 else 'slots'} are"
    return (
        f"{plan.name}: {count} expected to end{before} in {minutes(total)}, over "
        f"sweep.budget={plan.sweep['budget']}; {advice}; else raise sweep.budget or lower trainer.max_epochs"
    )
