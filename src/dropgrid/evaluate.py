"""Measure finished cells again, without training:
`python scripts/evaluate.py NAME +evaluate=X [evaluate.key=value …] [sweep.jobs=N]`.

X is one of conf/evaluate: corruption, noise, dropblock_inference, monte_carlo, calibration, other_data.
evaluate.weights=best takes the weights of the best validation epoch. What was measured before is found again, under
outputs/runs/<id>/evaluations; the numbers are columns of the table.
"""

import argparse
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dropgrid.commands import parser, run
from dropgrid.errors import UserError
from dropgrid.reports.cells import names, read
from dropgrid.runs.folder import read_json, run_folder
from dropgrid.runs.identity import cell_id, divide
from dropgrid.sweeps.plan import Cell, Plan, label

FORMAT = 1
"""Raised when an equal evaluation no longer gives equal numbers: all are then measured again."""

WEIGHTS = ("last", "best")


@dataclass(frozen=True)
class Evaluation:
    """What to measure.

    `node` is the composed option with `_target_`, without `weights`; `label` is the option's name, with the scalars
    that are not its defaults; `id` hashes all that matters, data by content.
    """

    name: str
    label: str
    node: Mapping[str, Any]
    weights: str
    id: str


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 when a cell failed, 2 and a line for a user's mistake."""
    expected = parser("evaluate", __doc__ or "")
    expected.add_argument("words", metavar="NAME +evaluate=X", nargs="*", help="an ablation or a sweep, and overrides")
    return run(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Measure what is missing, then write and print the report."""
    named = [word for word in given.words if "=" not in word]
    if len(named) != 1:
        known = ", ".join(names(given.outputs)) or f"none was run yet in {given.outputs}"
        raise UserError(f"an evaluation is of one NAME, got {' '.join(named) or 'none'}; NAME is one of: {known}")
    cells = read(named[0], given.outputs).cells  # a mistyped NAME is said first
    evaluation, jobs = compose([word for word in given.words if "=" in word], given.outputs)
    plan = finished(named[0], given.outputs, {cell.id for cell in cells if cell.result}, jobs)
    failed = measure(plan, evaluation)
    show(plan, evaluation)
    if failed:
        from dropgrid.sweeps.launch import show_failures

        show_failures(plan, failed)
    return 1 if failed else 0


def show(plan: Plan, evaluation: Evaluation) -> None:
    """Write the report, and print it, under it what was measured now: a terminal may lack the room for more columns."""
    from dropgrid.reports.listing import listing
    from dropgrid.reports.report import PIPE_WIDTH, write

    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    report = write(plan.name, plan.outputs)
    console.print(report.renderable if console.is_terminal else report.text, highlight=False, markup=False)
    for each in listing(report.table, evaluation.label):
        console.print(each)
    for path in report.paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def compose(words: Sequence[str], outputs: Path) -> tuple[Evaluation, int | str]:
    """The evaluation that the overrides name, and `sweep.jobs`."""
    import hydra

    from dropgrid.sweeps.compose import groups, hydra_context, key_of, options, parse
    from dropgrid.sweeps.explain import explained
    from dropgrid.sweeps.plan import plain

    with hydra_context():
        mounts = {f"evaluate.{group}=": f"+{group}@evaluate.{group}=" for group in groups()}
        lines = [mounted(word, {"evaluate=": "+evaluate=", **mounts}) for word in words]
        with explained(lines):
            parsed = [parse(line) for line in lines]
            chosen = [each for each in parsed if each.key_or_group == "evaluate"]
            if len(chosen) != 1:
                raise UserError(f"choose one evaluation: +evaluate=X, X one of: {', '.join(options('evaluate'))}")
            for each in parsed:
                if not f"{key_of(each)}.".startswith("evaluate.") and key_of(each) != "sweep.jobs":
                    raise UserError(
                        f"{each.input_line}: cells are as they are; an evaluation has keys evaluate.… alone"
                    )
                if each.is_sweep_override():
                    raise UserError(f"{each.input_line}: one evaluation at a time")
            keys = [key_of(each) for each in parsed if not options(each.key_or_group)]
            config = plain(hydra.compose("train", overrides=lines))
            default = plain(hydra.compose("train", overrides=[str(chosen[0].input_line)]))["evaluate"]
    node, name = config["evaluate"], chosen[0].get_value_element_as_str()
    if node["weights"] not in WEIGHTS:
        raise UserError(f"evaluate.weights must be last or best, got {node['weights']!r}")
    told = sorted({key.removeprefix("evaluate.") for key in keys if key.startswith("evaluate.")})
    values = {key: at(node, key) for key in told if at(node, key) != at(default, key)}
    scalars = [f"{key}={value}" for key, value in values.items() if not isinstance(value, list | dict)]
    suffix = f"[{','.join(scalars)}]" if scalars else ""
    arguments = {key: value for key, value in node.items() if key != "weights"}
    return Evaluation(name, name + suffix, arguments, node["weights"], identity(node, outputs)), config["sweep"]["jobs"]


def mounted(word: str, mounts: Mapping[str, str]) -> str:
    """An override as Hydra has it: the + of a group that the default run lacks, and where it is mounted."""
    start = next((short for short in mounts if word.startswith(short)), "")
    return mounts.get(start, "") + word.removeprefix(start)


def at(node: Any, key: str) -> Any:
    """The value at a dotted key, or None."""
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def identity(node: Mapping[str, Any], outputs: Path) -> str:
    """The hash of an evaluation; another data set counts by its content, not by where it lies."""
    config, about_data = dict(node), node.get("data")
    if about_data:
        from dropgrid import build  # torch

        config["data"] = divide({"data": about_data})[0]["data"]
        try:
            source = build.source({"data": about_data}, {"paths": {"cache": outputs / ".cache"}})
            config["data"]["fingerprint"] = source.fingerprint()
        except ValueError as error:
            raise UserError(f"evaluate.data: {error}") from error
    return cell_id({"evaluate": config, "format": FORMAT})


def finished(name: str, outputs: Path, ids: Iterable[str], jobs: int | str) -> Plan:
    """The finished cells of an ablation, each once; UserError where there are none."""
    from dropgrid.reports.files import read_yaml

    wanted, cells = set(ids), []
    for line in read_json(outputs / "ablations" / name / "cells.json"):
        if line["cell"] in wanted:
            wanted.remove(line["cell"])
            folder = run_folder(outputs, line["cell"])
            about = {part: read_yaml(folder / f"{part}.yaml") for part in ("config", "local")}
            given = (line["cell"], line["row"], line.get("factors") or {}, line["seed"], line["overrides"])
            cells.append(Cell(*given, config=about["config"], local=about["local"]))
    if not cells:
        raise UserError(f"{name} has no finished cell yet")
    return Plan(name, {}, cells, outputs, jobs, [])


def result_path(plan: Plan, cell: Cell, evaluation: Evaluation) -> Path:
    """`outputs/runs/<id>/evaluations/<hash>.json`."""
    return run_folder(plan.outputs, cell.id) / "evaluations" / f"{evaluation.id}.json"


Failed = list[tuple[Cell, dict[str, Any]]]


def measure(plan: Plan, evaluation: Evaluation) -> Failed:
    """Measure the cells that have no result of this evaluation, side by side; those that failed, with why.

    Raises:
        UserError: what was asked for fits none of the cells.
    """
    from dropgrid.runs.child import classify
    from dropgrid.runs.supervise import warm
    from dropgrid.sweeps.slots import slots, variables

    jobs, console = slots(plan), Console()
    todo = [cell for cell in plan.cells if read_json(result_path(plan, cell, evaluation)) is None]
    cached = f", {len(plan.cells) - len(todo)} already measured" if len(todo) < len(plan.cells) else ""
    console.print(f"{evaluation.label}: {len(plan.cells)} cells{cached}", highlight=False, soft_wrap=True, markup=False)
    failed: Failed = []
    if todo:
        warm(["dropgrid.evaluations.measure", str(evaluation.node["_target_"]).rpartition(".")[0]])
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
    causes = {(why["class"], why["message"]) for _, why in failed}
    if len(failed) == len(plan.cells) and len(causes) == 1 and failed[0][1]["class"] == "UserError":
        for cell in plan.cells:
            shutil.rmtree(result_path(plan, cell, evaluation).with_suffix(""), ignore_errors=True)
        raise UserError(failed[0][1]["message"])
    for note, rows in notes(plan, evaluation).items():
        console.print(f"does not apply to {', '.join(rows)}: {note}", highlight=False, soft_wrap=True, markup=False)
    return failed


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
                    console.print(text, highlight=False, soft_wrap=True, markup=False)
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

    from dropgrid.runs.child import enter
    from dropgrid.runs.supervise import end

    path = result_path(plan, cell, evaluation)
    folder = path.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
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
    from dropgrid.evaluations.measure import measure

    measure(job, folder)
