"""Measure finished cells side by side, each in a process of its own; what was measured before is kept."""

import shutil
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dropgrid.commands import terminal
from dropgrid.errors import UserError
from dropgrid.instantiate import module_of
from dropgrid.planning.evaluations import Evaluation
from dropgrid.planning.types import Cell, Plan, label
from dropgrid.store.records import read_json, read_lines, run_folder, write_json

Failed = list[tuple[Cell, dict[str, Any]]]
"""Cells, and of each the class and message of what ended it, and where its log is."""


def finished(name: str, outputs: Path, jobs: int | str) -> Plan:
    """The finished cells of an ablation, each once; UserError where there are none."""
    from dropgrid.store.files import read_yaml

    cells: dict[str, Cell] = {}
    for line in read_lines(outputs / "ablations" / name / "cells.json"):
        folder = run_folder(outputs, line["cell"])
        if line["cell"] not in cells and (folder / "result.json").exists():
            about = {part: read_yaml(folder / f"{part}.yaml") for part in ("config", "local")}
            for part, found in about.items():
                if not isinstance(found, dict):
                    raise UserError(f"{folder} has no {part}.yaml that can be read: it cannot be measured again")
            given = (line["cell"], line["row"], line.get("factors") or {}, line["seed"], line["overrides"])
            cells[line["cell"]] = Cell(*given, config=about["config"], local=about["local"])
    if not cells:
        raise UserError(f"{name} has no finished cell yet")
    return Plan(name, {}, list(cells.values()), outputs, jobs, [])


def result_path(plan: Plan, cell: Cell, evaluation: Evaluation) -> Path:
    """`outputs/runs/<id>/evaluations/<hash>.json`."""
    return run_folder(plan.outputs, cell.id) / "evaluations" / f"{evaluation.id}.json"


def measured(plan: Plan, cell: Cell, evaluation: Evaluation) -> bool:
    """Whether a cell has the result, and the arrays that belong to it."""
    path = result_path(plan, cell, evaluation)
    result = read_json(path)
    return result is not None and (not result.get("arrays") or path.with_suffix(".npz").exists())


def measure(plan: Plan, evaluation: Evaluation) -> Failed:
    """Measure the cells that have no result of this evaluation, side by side; those that failed, with why."""
    from dropgrid.execution.slots import slots, variables
    from dropgrid.execution.supervisor import warm
    from dropgrid.execution.worker import classify

    jobs, console = slots(plan), terminal()
    todo = [cell for cell in plan.cells if not measured(plan, cell, evaluation)]
    cached = f", {len(plan.cells) - len(todo)} already measured" if len(todo) < len(plan.cells) else ""
    console.print(f"{evaluation.label}: {len(plan.cells)} cells{cached}", soft_wrap=True)
    remember(plan, evaluation)
    failed: Failed = []
    if todo:
        warm(filter(None, ["dropgrid.measure.measure", module_of("evaluate", evaluation.node)]))
        stop, free = threading.Event(), list(range(min(jobs, len(todo))))

        def one(cell: Cell) -> dict[str, Any] | None:
            slot = free.pop()
            try:
                return attempt(plan, cell, evaluation, variables(cell, slot), stop)
            except (OSError, UserError) as error:  # a full disk, a damaged file: the other cells need not know
                kind, message = classify(error)
                return {"class": kind, "message": message, "log": "log.txt"}
            finally:
                free.append(slot)

        failed = all_of(todo, one, len(free), stop, console)
    for note, rows in notes(plan, evaluation).items():
        console.print(f"does not apply to {', '.join(rows)}: {note}", soft_wrap=True)
    return failed


def remember(plan: Plan, evaluation: Evaluation) -> None:
    """That this was asked of this ablation: cells that another shares may be measured for that one."""
    path = plan.outputs / "ablations" / plan.name / "evaluations.json"
    asked = (read_json(path) or {}).get("asked", [])
    if evaluation.label not in asked:
        write_json(path, {"asked": [*asked, evaluation.label]})


def refuse(plan: Plan, evaluation: Evaluation, failed: Failed) -> None:
    """UserError, and no logs, where what was asked for fits none of the cells, for one reason."""
    causes = {(why["class"], why["message"]) for _, why in failed}
    if len(failed) == len(plan.cells) and len(causes) == 1 and failed[0][1]["class"] == "UserError":
        for cell in plan.cells:
            shutil.rmtree(result_path(plan, cell, evaluation).with_suffix(""), ignore_errors=True)
        raise UserError(failed[0][1]["message"])


def all_of(
    cells: Sequence[Cell],
    one: Callable[[Cell], dict[str, Any] | None],
    jobs: int,
    stop: threading.Event,
    console: Console,
) -> Failed:
    """Each cell in one of so many threads, with progress; Ctrl-C ends them all."""
    failed: Failed = []
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ThreadPoolExecutor(jobs) as pool,
        Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("measuring", total=len(cells))
        futures = {pool.submit(one, cell): cell for cell in cells}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                cell, why = futures[future], future.result()
                progress.advance(bar)
                if why is not None:
                    failed.append((cell, why))
                if not console.is_terminal:
                    word = "failed" if why else "measured"
                    text = f"{word} {label(cell)}  {done} of {len(cells)} done"
                    console.print(text, soft_wrap=True)
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def attempt(
    plan: Plan, cell: Cell, evaluation: Evaluation, variables: Mapping[str, str], stop: threading.Event
) -> dict[str, Any] | None:
    """One cell in a process of its own; why it failed, with a log beside where its result would be, or None."""
    import multiprocessing
    from multiprocessing.connection import wait

    from dropgrid.execution.supervisor import closed, end
    from dropgrid.execution.worker import enter

    path = result_path(plan, cell, evaluation)
    folder = path.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    path.unlink(missing_ok=True)  # it has lost its arrays
    folder.mkdir(parents=True)
    job = {"id": cell.id, "name": f"{evaluation.label} of {plan.name}/{label(cell)}", **asdict(evaluation)}
    context = multiprocessing.get_context("forkserver")
    child = context.Process(target=enter, args=(measure_cell, job, folder, dict(variables)))
    child.start()
    try:
        while child.is_alive() and not stop.is_set():
            wait([child.sentinel], timeout=0.2)
    finally:
        end(child, 0.0, stop)
        closed(folder / "log.txt")
    if path.exists() or stop.is_set():
        shutil.rmtree(folder, ignore_errors=True)
        return None
    code = child.exitcode or 0
    kind = signal.Signals(-code).name if code < 0 else "Exit"
    ended = {"class": kind, "message": f"ended with exit code {code} and no result"}
    log = (folder / "log.txt").relative_to(run_folder(plan.outputs, cell.id))
    return {**ended, **(read_json(folder / "failure.json") or {}), "log": str(log)}


def notes(plan: Plan, evaluation: Evaluation) -> dict[str, list[str]]:
    """Why it does not apply -> the rows."""
    found: dict[str, dict[str, None]] = {}
    for cell in plan.cells:
        result = read_json(result_path(plan, cell, evaluation)) or {}
        if result.get("note"):
            found.setdefault(result["note"], {})[cell.row] = None
    return {note: list(rows) for note, rows in found.items()}


def measure_cell(job: Mapping[str, Any], folder: Path) -> None:
    """What a cell's process runs."""
    from dropgrid.measure.measure import measure

    measure(job, folder)
