"""Run a plan's cells on an engine, show them, and hand back the table."""

import sys
from collections.abc import Sequence

from rich.console import Console

from dropgrid.cli import console as listing
from dropgrid.commands import terminal
from dropgrid.cost.autotune import settle
from dropgrid.execution.check import check
from dropgrid.execution.engine import AbstractEngine
from dropgrid.execution.pool import policy
from dropgrid.execution.run_evaluations import Failed, finished, measure
from dropgrid.execution.selection import current_result, distinct, older, todo, unfinished
from dropgrid.execution.supervisor import Policy, tidy
from dropgrid.planning import tune
from dropgrid.planning.evaluations import requested_evaluations
from dropgrid.planning.plan import plans
from dropgrid.planning.sequential import grown
from dropgrid.planning.types import Plan
from dropgrid.store.earlier_format import advice, is_earlier
from dropgrid.store.layout import Outputs
from dropgrid.store.manifest import write_plan
from dropgrid.store.records import read_failure, read_lines

STOPPED = 130
"""The exit code after Ctrl-C, as shells have it."""


def launch(plans: Sequence[Plan], engine: AbstractEngine) -> int:
    """Check every cell of all plans, then run them; the exit code: 0, 1 when a cell failed, 130 when stopped."""
    plans = settle(plans)
    begun = [(plan, policy(plan)) for plan in plans]
    engine.ready(plans, waiting=any(todo(plan, rules.outdated) for plan, rules in begun))
    check(plans)
    engine.afford(plans)
    codes = []
    for plan, rules in begun:
        codes.append(run(plan, rules, engine))
        if codes[-1] == STOPPED or (codes[-1] and plan.sweep["on_error"] == "stop"):
            break
        if plan.then is not None:
            codes.append(launch(tuned(plan, plan.then), engine))
    return max(codes, default=0)


def tuned(trials: Plan, overrides: Sequence[str]) -> list[Plan]:
    """The plan that the trials were for, with what they chose."""
    chosen = tune.best_settings(trials)
    console = terminal()
    for row, found in chosen.items():
        console.print(f"{row}: {found['chosen']} is best on validation", soft_wrap=True)
    return plans(overrides, chosen)


def run(plan: Plan, rules: Policy, engine: AbstractEngine) -> int:
    """One plan, from its files to its table."""
    console = terminal()
    stopped = train_cells(plan, rules, engine, console)
    while not stopped and (more := grown(plan)) is not None:
        added = len(more.cells) - len(plan.cells)
        console.print(f"some rows are undecided: {added} cells added (sweep.seeds=auto)")
        plan = more
        stopped = train_cells(plan, rules, engine, console)
    code = finish(plan, engine.evaluation_jobs(plan), stopped)
    if stopped:
        console.print("stopped; the same command continues with what is not finished", style="yellow")
    return code if code and plan.sweep["on_error"] == "stop" else STOPPED if stopped else code


def train_cells(plan: Plan, rules: Policy, engine: AbstractEngine, console: Console) -> bool:
    """Train the cells of a plan that are to be trained; return whether someone asked to stop."""
    folder = Outputs(plan.outputs).ablation(plan.name)
    if earlier := sum(is_earlier(folder.outputs.run(line["cell"])) for line in read_lines(folder)):
        console.print(advice(earlier, plan.outputs), soft_wrap=True, style="yellow")
    write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    cells = todo(plan, rules.outdated)
    for cell in distinct(plan):
        if cell.run.finished:
            tidy(cell.run)
    console.print(head(plan), soft_wrap=True)
    return bool(cells) and engine.run(plan, cells, rules, console)


def head(plan: Plan) -> str:
    """`demo: 40 cells, 12 already finished, 3 of them trained by a different version of the code (…)`."""
    found = [each for each in map(current_result, distinct(plan)) if each is not None]
    old = older(found)
    again = {"stale": "trained again", "all": "all trained again"}.get(plan.sweep["rerun"], "kept")
    remark = f", {old} of them trained by a different version of the code: {again}" if old else ""
    how = " (sweep.rerun=stale trains them again)" if again == "kept" and old else ""
    return f"{plan.name}: {len(distinct(plan))} cells, {len(found)} already finished{remark}{how}"


def finish(plan: Plan, jobs: int | str, stopped: bool = False) -> int:
    """Measure what the ablation asks for, unless stopped; then the table, and what failed; 1 when something did."""
    found = [(cell, read_failure(cell.run)) for cell in unfinished(plan)]
    failed: list[tuple[str, Failed]] = [("", [(cell, why) for cell, why in found if why is not None])]
    if not stopped and len(found) < len(distinct(plan)):
        failed += [
            (each.label, measure(finished(plan.name, plan.outputs, jobs), each)) for each in requested_evaluations(plan)
        ]
    return conclude(plan, failed)


def conclude(plan: Plan, failed: Sequence[tuple[str, Failed]]) -> int:
    """The table, and what failed of each part: training has no name, an evaluation its label; 1 when something did."""
    show(plan, [name for name, _ in failed if name])
    for name, each in failed:
        if each:
            show_failures(plan, each, name)
    return 1 if any(each for _, each in failed) else 0


def show(plan: Plan, evaluations: Sequence[str]) -> None:
    """The table on the terminal, under it what was measured (there may be no room for it there), and the paths."""
    from dropgrid.reports.columns import separate_evaluations
    from dropgrid.reports.formats.evaluation_lines import listing as metrics
    from dropgrid.reports.report import PIPE_WIDTH, write  # pandas and matplotlib: once there is something to show

    console = terminal() if sys.stdout.isatty() else terminal(width=PIPE_WIDTH)
    report = write(plan.name, plan.outputs)
    if console.is_terminal:
        console.print(report.renderable)
    else:
        console.print(report.text, soft_wrap=True)
    shown = separate_evaluations(report.table.rows)  # with the table
    for name in dict.fromkeys(each for each in evaluations if each not in shown):
        for each in metrics(report.table, name):
            console.print(each)
    for path in report.paths:
        console.print(str(path), soft_wrap=True)


def show_failures(plan: Plan, failed: Failed, name: str) -> None:
    """The cells that failed: class and last line, and where the whole log is."""
    lines = [(cell.label, f"{why['class']}: {why['message']}", str(cell.folder / why["log"])) for cell, why in failed]
    heading = f"{name}: {len(failed)} failed" if name else f"{len(failed)} failed"
    listing.show(heading, listing.table(("cell", "failure", "log"), lines, left=(0, 1, 2)))
