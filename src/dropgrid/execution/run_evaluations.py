"""Measure finished cells side by side, each in a process of its own; what was measured before is kept."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dropgrid.commands import terminal
from dropgrid.errors import UserError
from dropgrid.files import ROOTS, make_folder
from dropgrid.instantiate import module_of
from dropgrid.planning.evaluations import Evaluation
from dropgrid.planning.types import Plan
from dropgrid.store import schemas
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_yaml, write_json
from dropgrid.store.layout import EvaluationFolder, Outputs
from dropgrid.store.lease import Lease
from dropgrid.store.records import is_finished, read_failure, read_lines
from dropgrid.tasks.description import trains_itself

Failed = list[tuple[Cell, dict[str, Any]]]
"""Cells, and of each the class and message of what ended it, and where its log is."""

TAKEN = "LeaseTaken"
"""Class of a measurement whose command was held up until another took its place."""


def finished(name: str, outputs: Path, jobs: int | str) -> Plan:
    """Return the finished cells of an ablation, each once, as a plan; UserError if there are none."""
    cells: dict[str, Cell] = {}
    for line in read_lines(Outputs(outputs).ablation(name)):
        cell = Cell.from_line(line, outputs)
        if cell.id not in cells and is_finished(cell.run):
            config, local = (read_yaml(path) for path in (cell.run.config, cell.run.local))
            for path, found in ((cell.run.config, config), (cell.run.local, local)):
                if not isinstance(found, dict):
                    raise UserError(f"{cell.folder} has no {path.name} that can be read: it cannot be measured again")
            cells[cell.id] = cell.knowing(config=config, local=local)
    if not cells:
        raise UserError(f"{name} has no finished cell yet")
    if any(trains_itself(cell.config) for cell in cells.values()):
        raise UserError(f"{name} was trained by code of one's own: there is no network that dropgrid could measure")
    return Plan(name, {}, list(cells.values()), outputs, jobs, [])


def place_of(cell: Cell, evaluation: Evaluation) -> EvaluationFolder:
    """Return the place of an evaluation in a cell's folder."""
    return cell.run.evaluation(evaluation.id)


def recorded(place: EvaluationFolder) -> Mapping[str, Any] | None:
    """Return the result of an evaluation, or None."""
    found: Mapping[str, Any] | None = schemas.read_checked(place.result, schemas.MEASURED)
    return found


def is_measured(cell: Cell, evaluation: Evaluation) -> bool:
    """Predicate: a cell has the result, and the arrays that belong to it."""
    place = place_of(cell, evaluation)
    result = recorded(place)
    return result is not None and (not result.get("arrays") or place.arrays.exists())


def measure(plan: Plan, evaluation: Evaluation) -> Failed:
    """Measure the cells that have no result of this evaluation, side by side; return those that failed, with why."""
    from dropgrid.execution.forkserver import warm
    from dropgrid.execution.slots import slots, variables
    from dropgrid.execution.worker import classify

    jobs, console = slots(plan), terminal()
    todo = [cell for cell in plan.cells if not is_measured(cell, evaluation)]
    cached = f", {len(plan.cells) - len(todo)} already measured" if len(todo) < len(plan.cells) else ""
    console.print(f"{evaluation.label}: {len(plan.cells)} cells{cached}", soft_wrap=True)
    remember(plan, evaluation)
    failed: Failed = []
    if todo:
        warm(filter(None, ["dropgrid.measure.measure", module_of("evaluate", evaluation.node)]))
        stop, free = threading.Event(), list(range(min(jobs, len(todo))))

        def measure_one(cell: Cell) -> dict[str, Any] | None:
            slot = free.pop()
            try:
                return attempt(plan, cell, evaluation, variables(cell, slot), stop)
            except (OSError, UserError) as error:  # a full disk, a damaged file: the other cells need not know
                kind, message = classify(error)
                return {"class": kind, "message": message, "log": cell.run.log.name}
            finally:
                free.append(slot)

        failed = measure_side_by_side(todo, measure_one, len(free), stop, console)
    for note, rows in notes(plan, evaluation).items():
        console.print(f"does not apply to {', '.join(rows)}: {note}", soft_wrap=True)
    return failed


def remember(plan: Plan, evaluation: Evaluation) -> None:
    """Write down that this was asked of this ablation: cells that another shares may be measured for that one, and of
    evaluations of one label the last one counts."""
    path = Outputs(plan.outputs).ablation(plan.name).evaluations
    known = schemas.read_checked(path, schemas.ASKED) or {}
    asked, ids = known.get("asked") or [], known.get("ids") or {}
    labels = asked if evaluation.label in asked else [*asked, evaluation.label]
    now = {"asked": labels, "ids": {**ids, evaluation.label: evaluation.id}}
    if now != known:
        write_json(path, now)


def refuse(plan: Plan, evaluation: Evaluation, failed: Failed) -> None:
    """Raise UserError, and keep no logs, if what was asked for fits none of the cells, for one reason."""
    causes = {(why["class"], why["message"]) for _, why in failed}
    if len(failed) == len(plan.cells) and len(causes) == 1 and failed[0][1]["class"] == "UserError":
        for cell in plan.cells:
            shutil.rmtree(place_of(cell, evaluation).folder, ignore_errors=True)
        raise UserError(failed[0][1]["message"])


def measure_side_by_side(
    cells: Sequence[Cell],
    measure_one: Callable[[Cell], dict[str, Any] | None],
    jobs: int,
    stop: threading.Event,
    console: Console,
) -> Failed:
    """Measure each cell in one of N threads, with progress; Ctrl-C ends them all. Return those that failed."""
    failed: Failed = []
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ThreadPoolExecutor(jobs) as pool,
        Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("measuring", total=len(cells))
        futures = {pool.submit(measure_one, cell): cell for cell in cells}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                cell, why = futures[future], future.result()
                progress.advance(bar)
                if why is not None:
                    failed.append((cell, why))
                if not console.is_terminal:
                    word = "failed" if why else "measured"
                    text = f"{word} {cell.label}  {done} of {len(cells)} done"
                    console.print(text, soft_wrap=True)
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def attempt(
    plan: Plan, cell: Cell, evaluation: Evaluation, variables: Mapping[str, str], stop: threading.Event
) -> dict[str, Any] | None:
    """Measure one cell in a process of its own; return why it failed, with the path of its log, or None."""
    from dropgrid.execution.forkserver import DIED, TRIES

    for _ in range(TRIES):
        failure = try_once(plan, cell, evaluation, variables, stop)
        if failure is None or failure["class"] not in (DIED, TAKEN):
            break
    return failure


def try_once(
    plan: Plan, cell: Cell, evaluation: Evaluation, variables: Mapping[str, str], stop: threading.Event
) -> dict[str, Any] | None:
    """Measure one cell, once."""
    from multiprocessing.connection import wait

    from dropgrid.execution import forkserver
    from dropgrid.execution.supervisor import end, without_home_path
    from dropgrid.execution.worker import enter

    place = place_of(cell, evaluation)
    lease = take_turn(cell, evaluation, stop)
    if lease is None:
        return None
    try:
        place.result.unlink(missing_ok=True)  # it has lost its arrays
        place.failure.unlink(missing_ok=True)
        job = {"id": cell.id, "name": f"{evaluation.label} of {plan.name}/{cell.label}", **asdict(evaluation)}
        arguments = (measure_cell, job, place.folder, dict(variables), frozenset(ROOTS))
        child = forkserver.start(enter, arguments, evaluation.label)
        try:
            while child.is_alive() and not stop.is_set() and lease.beat():
                wait([child.sentinel], timeout=0.2)
        finally:
            end(child, 0.0, stop, lease.beat)
        if not lease.mine():
            return {"class": TAKEN, "message": "held up for so long that another command measures it", "log": ""}
        without_home_path(place.log)
        if place.result.exists() or stop.is_set():
            shutil.rmtree(place.folder, ignore_errors=True)
            return None
    finally:
        lease.release()
    kind, message = forkserver.exit_failure(child)
    ended = {"class": kind, "message": message}
    return {**ended, **(read_failure(place) or {}), "log": str(place.log.relative_to(cell.folder))}


def take_turn(cell: Cell, evaluation: Evaluation, stop: threading.Event) -> Lease | None:
    """Take the lease of an evaluation, which one command at a time measures; None if it is measured, or on a stop."""
    lease = Lease(place_of(cell, evaluation).folder)
    while not stop.is_set():
        make_folder(lease.folder)
        if lease.acquire():
            if not is_measured(cell, evaluation):
                return lease
            shutil.rmtree(lease.folder, ignore_errors=True)
            lease.release()
        if is_measured(cell, evaluation):
            return None
        time.sleep(0.2)
    return None


def notes(plan: Plan, evaluation: Evaluation) -> dict[str, list[str]]:
    """Return why it does not apply -> the rows."""
    found: dict[str, dict[str, None]] = {}
    for cell in plan.cells:
        result = recorded(place_of(cell, evaluation)) or {}
        if result.get("note"):
            found.setdefault(result["note"], {})[cell.row] = None
    return {note: list(rows) for note, rows in found.items()}


def measure_cell(job: Mapping[str, Any], folder: Path) -> None:
    """Measure in a cell's process."""
    from dropgrid.measure.measure import evaluate_cell

    evaluate_cell(job, folder)
