"""Run a plan's cells on an engine, evaluate them, and show the table."""

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
    """Check every cell of all plans, then run them; return 0, 1 if a cell failed, 130 if stopped."""
    plans = settle(plans)
    begun = [(plan, policy(plan)) for plan in plans]
    engine.ready(plans, waiting=any(todo(plan, rules.outdated) for plan, rules in begun))
    check(plans)
    engine.afford(plans)
    codes = []
    for plan, rules in begun:
        codes.append(run_plan(plan, rules, engine))
        if codes[-1] == STOPPED or (codes[-1] and plan.sweep["on_error"] == "stop"):
            break
        if plan.then is not None:
            codes.append(launch(tuned_plans(plan, plan.then), engine))
    return max(codes, default=0)


def tuned_plans(trials: Plan, overrides: Sequence[str]) -> list[Plan]:
    """Return the plans of the overrides with the settings that the trials chose."""
    chosen = tune.best_settings(trials)
    console = terminal()
    for row, found in chosen.items():
        console.print(f"{row}: {found['chosen']} is best on validation", soft_wrap=True)
    return plans(overrides, chosen)


def run_plan(plan: Plan, rules: Policy, engine: AbstractEngine) -> int:
    """Train a plan's cells, add seeds while rows are undecided, and report; return the exit code."""
    console = terminal()
    stopped = train_cells(plan, rules, engine, console)
    while not stopped and (more := grown(plan)) is not None:
        added = len(more.cells) - len(plan.cells)
        console.print(f"some rows are undecided: {added} cells added (sweep.seeds=auto)")
        plan = more
        stopped = train_cells(plan, rules, engine, console)
    code = evaluate_and_report(plan, engine.evaluation_jobs(plan), stopped)
    if stopped:
        console.print("stopped; the same command continues with what is not finished", style="yellow")
    return code if code and plan.sweep["on_error"] == "stop" else STOPPED if stopped else code


def train_cells(plan: Plan, rules: Policy, engine: AbstractEngine, console: Console) -> bool:
    """Train the cells of a plan that are to be trained; return whether someone asked to stop."""
    folder = Outputs(plan.outputs).ablation(plan.name)
    planned = {cell.id for cell in plan.cells}  # of this FORMAT: their results need not be read for it
    others = {line["cell"] for line in read_lines(folder)} - planned
    if earlier := sum(is_earlier(folder.outputs.run(each)) for each in others):
        console.print(advice(earlier, plan.outputs), soft_wrap=True, style="yellow")
    write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    cells = todo(plan, rules.outdated)
    for cell in distinct(plan):
        if cell.run.finished:
            tidy(cell.run)
    console.print(heading(plan), soft_wrap=True)
    return bool(cells) and engine.run(plan, cells, rules, console)


def heading(plan: Plan) -> str:
    """Return the first line: `demo: 40 cells, 12 already finished`, and how many of these other code trained."""
    found = [each for each in map(current_result, distinct(plan)) if each is not None]
    old = older(found)
    again = {"stale": "trained again", "all": "all trained again"}.get(plan.sweep["rerun"], "kept")
    remark = f", {old} of them trained by a different version of the code: {again}" if old else ""
    how = " (sweep.rerun=stale trains them again)" if again == "kept" and old else ""
    return f"{plan.name}: {len(distinct(plan))} cells, {len(found)} already finished{remark}{how}"


def evaluate_and_report(plan: Plan, jobs: int | str, stopped: bool = False) -> int:
    """Run the evaluations that the ablation requests, unless stopped, then show the results; return 1 if any failed."""
    found = [(cell, read_failure(cell.run)) for cell in unfinished(plan)]
    failed: list[tuple[str, Failed]] = [("", [(cell, why) for cell, why in found if why is not None])]
    if not stopped and len(found) < len(distinct(plan)):
        failed += [
            (each.label, measure(finished(plan.name, plan.outputs, jobs), each)) for each in requested_evaluations(plan)
        ]
    return show_results(plan, failed)


def show_results(plan: Plan, failed: Sequence[tuple[str, Failed]]) -> int:
    """Show the table and the failures of training (no name) and of each evaluation (its label); return 1 if any."""
    show_report(plan, [name for name, _ in failed if name])
    for name, each in failed:
        if each:
            show_failures(plan, each, name)
    return 1 if any(each for _, each in failed) else 0


def show_report(plan: Plan, evaluations: Sequence[str]) -> None:
    """Write the report; print its table, below it the evaluations that the table has no room for, and the paths."""
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
    """Print the failed cells: class and last line of each failure, and the path of its log."""
    lines = [(cell.label, f"{why['class']}: {why['message']}", str(cell.folder / why["log"])) for cell, why in failed]
    heading = f"{name}: {len(failed)} failed" if name else f"{len(failed)} failed"
    listing.show(heading, listing.table(("cell", "failure", "log"), lines, left=(0, 1, 2)))
