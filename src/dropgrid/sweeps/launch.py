"""Run a plan's cells side by side on this machine, show them, and hand back the table."""

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dropgrid.errors import UserError
from dropgrid.runs.folder import read_json, run_folder, write_json
from dropgrid.runs.identity import treatment_id
from dropgrid.runs.supervise import Outcome, Train, supervise, warm
from dropgrid.sweeps.plan import Cell, Plan, check, label
from dropgrid.sweeps.watch import Watch

STOPPED = 130
"""The exit code after Ctrl-C, as shells have it."""


def cores() -> int:
    """The CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(plan: Plan) -> int:
    """How many cells train side by side; more threads than cores make every cell several times slower."""
    on_cpu = plan.cells[0].local["trainer"]["accelerator"] == "cpu"
    threads = max(cell.config["trainer"]["threads"] for cell in plan.cells)
    if plan.jobs == "auto":
        return max(1, cores() // threads) if on_cpu else 1
    if isinstance(plan.jobs, bool) or not isinstance(plan.jobs, int) or plan.jobs < 1:
        raise UserError(f"sweep.jobs must be auto or a whole number, 1 or more, got {plan.jobs!r}")
    if on_cpu and plan.jobs > 1 and plan.jobs * threads > cores():
        raise UserError(
            f"sweep.jobs={plan.jobs} cells of trainer.threads={threads} need {plan.jobs * threads} cores, there are "
            f"{cores()}: each cell would run several times slower; use sweep.jobs={max(1, cores() // threads)}"
        )
    return plan.jobs


def launch(plans: Sequence[Plan], train: Train) -> int:
    """Check every cell of all plans, then run them; the exit code: 0, 1 when a cell failed, 130 when stopped."""
    for plan in plans:
        slots(plan)
    todo = [cell for plan in plans for cell in unfinished(plan)]
    if todo:
        warm(sorted({module for cell in todo for module in modules(cell)}))  # while the cells are checked
    check(plans)
    return max((run(plan, train) for plan in plans), default=0)


def modules(cell: Cell) -> set[str]:
    """The modules that a cell's config names."""
    targets = [node.get("_target_") for node in cell.config.values() if isinstance(node, dict)]
    return {target.rpartition(".")[0] for target in targets if isinstance(target, str)}


def run(plan: Plan, train: Train) -> int:
    """One plan, from its files to its table."""
    console = Console()
    write_plan(plan)
    todo = unfinished(plan)
    count = len({cell.id for cell in plan.cells})
    console.print(f"{plan.name}: {count} cells, {count - len(todo)} already finished", highlight=False, soft_wrap=True)
    outcomes = run_cells(plan, todo, train, console) if todo else []
    code = finish(plan)
    if len(outcomes) < len(todo) or any(each.status == "stopped" for each in outcomes):
        console.print("stopped; the same command continues with what is not finished", style="yellow")
        return STOPPED
    return code


def unfinished(plan: Plan) -> list[Cell]:
    """The plan's distinct cells that have no result."""
    distinct = {cell.id: cell for cell in plan.cells}.values()
    return [cell for cell in distinct if not (run_folder(plan.outputs, cell.id) / "result.json").exists()]


def finish(plan: Plan) -> int:
    """Show the table and what failed; 1 when something did."""
    console = Console()
    show(plan, console)
    failures = {cell.id: read_json(run_folder(plan.outputs, cell.id) / "failure.json") for cell in unfinished(plan)}
    failed = [(cell, failures[cell.id]) for cell in unfinished(plan) if failures[cell.id]]
    if failed:
        console.print(failure_table(plan, failed))
    return 1 if failed else 0


def run_cells(plan: Plan, todo: Sequence[Cell], train: Train, console: Console) -> list[Outcome]:
    """Each cell under its supervisor, `slots` at a time; Ctrl-C and SIGTERM end the running ones and start no more."""
    stop = threading.Event()
    waiting, outcomes = list(todo), []
    running: set[Future[Outcome]] = set()
    jobs = min(slots(plan), len(todo))
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        with (
            Watch(plan.name, len(todo), jobs, plan.outputs, console) as watch,
            ThreadPoolExecutor(jobs) as pool,
        ):
            while (waiting and not stop.is_set()) or running:
                while waiting and len(running) < jobs and not stop.is_set():
                    cell = waiting.pop(0)
                    watch.started(cell.id, label(cell))
                    running.add(pool.submit(supervise, plan.supervised(cell), plan.outputs, train, stop))
                done, running = wait(running, timeout=0.25, return_when=FIRST_COMPLETED)
                for future in done:
                    outcomes.append(future.result())
                    watch.ended(outcomes[-1])
                watch.refresh()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return outcomes


def write_plan(plan: Plan) -> None:
    """The ablation's folder: what was asked, its cells, and links to their runs.

    Cells of the same rows at seeds of an earlier command stay in the table: asking for more seeds adds them.
    """
    folder = plan.outputs / "ablations" / plan.name
    lines = [
        {
            "row": cell.row,
            "factors": cell.factors,
            "seed": cell.seed,
            "cell": cell.id,
            "overrides": cell.overrides,
            "treatment": treatment_id(cell.config),
        }
        for cell in plan.cells
    ]
    rows = {(line["row"], str(line["factors"]), line["treatment"]) for line in lines}
    present = {line["cell"] for line in lines}
    for old in read_json(folder / "cells.json") or []:
        same = (old["row"], str(old["factors"]), old["treatment"]) in rows
        if same and old["cell"] not in present and (run_folder(plan.outputs, old["cell"]) / "result.json").exists():
            lines.append(old)
    write_json(folder / "ablation.json", plan.about)
    write_json(folder / "cells.json", lines)
    for line in lines:
        link(folder, line, plan.outputs)


def link(folder: Path, line: dict[str, Any], outputs: Path) -> None:
    """`cells/<factors>/<row>/seed<k>`, a relative link to the run."""
    factors = ",".join(f"{key}={value}" for key, value in line["factors"].items())
    place = folder / "cells" / factors.replace("/", "_") / line["row"].replace("/", "_") / f"seed{line['seed']}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(run_folder(outputs, line["cell"]), place.parent))


def show(plan: Plan, console: Console) -> None:
    """The table on the terminal and the paths of what was written."""
    from dropgrid.reports.report import write  # pandas and matplotlib: only once there is something to show

    report = write(plan.name, plan.outputs)
    if console.is_terminal:
        console.print(report.renderable)
    else:
        console.print(report.text, highlight=False, soft_wrap=True)
    for path in report.paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def failure_table(plan: Plan, failed: Sequence[tuple[Cell, dict[str, Any]]]) -> Table:
    """The cells that failed: class and last line, and where the whole log is."""
    table = Table(title=f"{len(failed)} failed", title_style="red", title_justify="left")
    for heading in ("cell", "failure", "log"):
        table.add_column(heading, overflow="fold")
    for cell, failure in failed:
        log = run_folder(plan.outputs, cell.id) / failure["log"]
        table.add_row(label(cell), f"{failure['class']}: {failure['message']}", str(log))
    return table
