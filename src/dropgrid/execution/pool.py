"""Run cells side by side, each under its supervisor, until all have ended or someone asks to stop."""

import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace

from dropgrid import checks
from dropgrid.errors import UserError
from dropgrid.execution.live_view import LiveView
from dropgrid.execution.selection import outdated
from dropgrid.execution.slots import variables
from dropgrid.execution.supervisor import Outcome, Policy, Stop, supervise
from dropgrid.execution.worker import Train
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell

ASK_AGAIN = 1.0
"""Seconds before a cell that another supervisor has is asked for again."""


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Yield a `Stop` that Ctrl-C and SIGTERM set: once to stop after a checkpoint, twice to stop at once."""
    stop = Stop()
    before = {number: signal.signal(number, lambda *_: stop.ask()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def policy(plan: Plan, asked: float | None = None) -> Policy:
    """Return how the cells of a plan are watched, from its `sweep.` keys; UserError names an invalid one.

    Args:
        asked: Unix time at which the sweep was started; None is now.
    """
    sweep = plan.sweep
    checks.one_of("sweep.on_error", sweep["on_error"], ("continue", "stop"), error=UserError)
    retries = sweep["retries"] or {}
    if not isinstance(retries, Mapping) or not all(isinstance(n, int) and n >= 0 for n in retries.values()):
        raise UserError(f"sweep.retries maps classes of failure to counts, as in SIGKILL: 2, got {retries!r}")
    checks.number("sweep.hang_minutes", sweep["hang_minutes"], above=0, most=math.inf, error=UserError)
    if sweep["beat_seconds"] is not None:
        checks.number("sweep.beat_seconds", sweep["beat_seconds"], above=0, error=UserError)
    for key, value in sweep["checkpoint"].items():
        if value is not None and key == "steps":
            checks.whole_number("sweep.checkpoint.steps", value, 1, error=UserError)
        elif value is not None:
            checks.number(f"sweep.checkpoint.{key}", value, above=0, most=math.inf, error=UserError)
    return Policy(retries, 60.0 * sweep["hang_minutes"], outdated(plan, asked), patient=False)


class Pool:
    """Runs cells in `jobs` slots.

    A cell that another supervisor has (the same sweep started twice, here or on another machine) is put back and asked
    for again once the others are under way: it ends as finished, or comes free. With `on_error=stop` a failure stops
    the others, which write a checkpoint.
    """

    def __init__(self, plan: Plan, train: Train, jobs: int, watch: LiveView, rules: Policy, stop: Stop):
        self.plan, self.train, self.watch, self.rules, self.stop = plan, train, watch, rules, stop
        self.free = list(range(jobs))
        self.running: dict[Future[Outcome], tuple[Cell, int]] = {}
        self.outcomes: list[Outcome] = []
        self.announced = False

    def run(self, todo: Sequence[Cell]) -> list[Outcome]:
        """Run the cells, and return how each one that was begun has ended."""
        waiting = [(0.0, cell) for cell in todo]
        with ThreadPoolExecutor(len(self.free)) as pool:
            while (waiting and not self.stop.asked.is_set()) or self.running:
                while self.free and not self.stop.asked.is_set():
                    ready = next((each for each in waiting if each[0] <= time.monotonic()), None)
                    if ready is None:
                        break
                    waiting.remove(ready)
                    self.start(pool, ready[1])
                waiting += [(time.monotonic() + ASK_AGAIN, cell) for cell in self.ended()]
                self.announce_stop()
                self.watch.refresh()
        return self.outcomes

    def start(self, pool: ThreadPoolExecutor, cell: Cell) -> None:
        """Start a supervisor in a free slot."""
        slot = self.free.pop(0)
        rules = replace(self.rules, variables=variables(cell, slot))
        self.watch.started(cell.id, cell.label)
        given = (self.plan.supervised(cell), self.plan.outputs, self.train, self.stop, rules)
        self.running[pool.submit(supervise, *given)] = (cell, slot)

    def ended(self) -> list[Cell]:
        """Wait a moment for cells to end; return those that another supervisor has."""
        busy: list[Cell] = []
        if not self.running:  # all that is left is another's
            time.sleep(0.25)
            return busy
        for future in wait(self.running, timeout=0.25, return_when=FIRST_COMPLETED).done:
            cell, slot = self.running.pop(future)
            self.free.append(slot)
            outcome = future.result()
            self.watch.ended(outcome)
            if outcome.status == "busy":
                busy.append(cell)
                continue
            self.outcomes.append(outcome)
            if outcome.status == "failed" and self.plan.sweep["on_error"] == "stop":
                self.stop.asked.set()
        return busy

    def announce_stop(self) -> None:
        """Print once what a request to stop does."""
        if self.stop.asked.is_set() and not self.announced:
            self.announced = True
            self.watch.say("stopping: running cells write a checkpoint; Ctrl-C again stops at once")


def run_only_cell(plan: Plan, train: Train) -> Outcome:
    """Run the plan's only cell, under a launcher of someone else; wait for it if another supervisor has it."""
    with stoppable() as stop:
        return supervise(plan.supervised(plan.cells[0]), plan.outputs, train, stop, replace(policy(plan), patient=True))
