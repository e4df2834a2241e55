"""Run a plan's cells on an engine, evaluate them, and show the table."""

from collections.abc import Sequence

from rich.console import Console

from dropgrid import json_output
from dropgrid.cli import console as listing
from dropgrid.commands import INTERRUPTED, terminal
from dropgrid.cost.autotune import resolve_auto
from dropgrid.cost.power import known_of, reach_lines
from dropgrid.execution.check import check
from dropgrid.execution.engine import AbstractEngine
from dropgrid.execution.pool import policy
from dropgrid.execution.run_evaluations import Failed, finished, measure
from dropgrid.execution.selection import current_result, distinct, older, todo, unfinished
from dropgrid.execution.supervisor import Policy
from dropgrid.planning import tune
from dropgrid.planning.evaluations import requested_evaluations
from dropgrid.planning.plan import plans
from dropgrid.planning.seeds import AUTO
from dropgrid.planning.sequential import with_more_seeds
from dropgrid.planning.types import Plan, Trials
from dropgrid.reports.treatment import matched_doses
from dropgrid.store import answers
from dropgrid.store.cell import Cell
from dropgrid.store.deletion import tidy
from dropgrid.store.earlier_format import advice, is_earlier
from dropgrid.store.filesystem import probe
from dropgrid.store.layout import Outputs
from dropgrid.store.manifest import write_plan
from dropgrid.store.records import damage, is_finished, read_failure, read_lines
from dropgrid.tasks.description import trains_itself

COPIES = 3
"""Copies of a network's weights that a cell leaves at least: a checkpoint, the last and the best."""

PRINTED: dict[str, str] = {}
"""Ablation -> what this command printed of its report: the table and the paths."""


def launch(plans: Sequence[Plan], engine: AbstractEngine) -> int:
    """Check every cell of all plans, then run them; return 0, 1 if a cell failed, 130 if stopped."""
    plans = resolve_auto(plans)
    begun = [(plan, policy(plan)) for plan in plans]
    engine.ready(plans, waiting=any(todo(plan, rules.outdated) for plan, rules in begun))
    checked = check(plans)
    for line in checked.data:
        terminal().print(line, soft_wrap=True)
    prepare_outputs(plans, room=COPIES * checked.largest)
    engine.afford(plans)
    codes = []
    for plan, rules in begun:
        codes.append(run_plan(plan, rules, engine))
        if codes[-1] == INTERRUPTED or (codes[-1] and plan.sweep["on_error"] == "stop"):
            break
        if plan.trials is not None:
            codes.append(launch(plans_after(plan, plan.trials), engine))
    if not any(codes):
        offer_answer(plans)
    return max(codes, default=0)


def offer_answer(plans: Sequence[Plan]) -> None:
    """Have what the same command would print now kept, if all that could change it are files that can be told."""
    sweeps = [plan.sweep for plan in plans]
    if any(trains_itself(each) for plan in plans for each in plan.configs):  # what it reads only its code knows
        return
    grows = any(each["rerun"] == "all" or each["seeds"] == AUTO or each["tune"] is not None for each in sweeps)
    measures_data = any("other_data" in str(plan.about.get("evaluate")) for plan in plans)
    if grows or measures_data or len({plan.outputs for plan in plans}) > 1 or any(p.name not in PRINTED for p in plans):
        return
    local = [cell.local for plan in plans for cell in plan.cells]
    roots = {each["data"]["root"] for each in local if "root" in each["data"]}
    if None in roots:  # a data set's own place, which its code knows
        return
    files = {path for each in local if (path := each["init"].get("path"))}
    lines: list[str] = []
    for plan in plans:
        lines += [*plan.notes, *matched_doses(plan.about), heading(plan), PRINTED[plan.name].rstrip("\n")]
    text = "".join(f"{line}\n" for line in lines)
    answers.GIVEN.set(answers.Answer(plans[0].outputs, [plan.name for plan in plans], sorted(roots | files), text))


def prepare_outputs(plans: Sequence[Plan], room: int) -> None:
    """Try what the file systems of the plans' outputs can do if anything is to train; print what they cannot."""
    for outputs in dict.fromkeys(plan.outputs for plan in plans if room):
        for line in probe(outputs, room, [plan.name for plan in plans if plan.outputs == outputs]):
            terminal().print(line, soft_wrap=True, style="yellow")


def plans_after(plan: Plan, trials: Trials) -> list[Plan]:
    """Return the plans that come after finished trials: of the next round, or of what the trials are for."""
    tuned = tune.judged(plan, trials.tuned)
    console = terminal()
    for row, found in tuned.items():
        left = found["left"]
        console.print(
            f"{row}: {'; '.join(left)} {'is' if len(left) == 1 else 'are'} best on validation", soft_wrap=True
        )
    return plans(trials.overrides, tuned)


def run_plan(plan: Plan, rules: Policy, engine: AbstractEngine) -> int:
    """Train a plan's cells, add seeds while rows are undecided, and report; return the exit code."""
    console = terminal()
    for line in (*plan.notes, *matched_doses(plan.about)):
        console.print(line, soft_wrap=True)
    stopped = train_cells(plan, rules, engine, console)
    while not stopped and (more := with_more_seeds(plan)) is not None:
        added = len(more.cells) - len(plan.cells)
        console.print(f"some rows are undecided: {added} cells added (sweep.seeds=auto)")
        for line in reach_lines(more, known_of(more)):
            console.print(line, soft_wrap=True, style="yellow")
        plan = more
        stopped = train_cells(plan, rules, engine, console)
    left = todo(plan, rules.outdated)
    code = evaluate_and_report(plan, left, engine.evaluation_jobs(plan), stopped)
    if not stopped:
        code = max(code, print_lost(plan, left, console))
    if stopped:
        console.print("stopped; the same command continues with what is not finished", style="yellow")
    return code if code and plan.sweep["on_error"] == "stop" else INTERRUPTED if stopped else code


def print_lost(plan: Plan, left: Sequence[Cell], console: Console) -> int:
    """Print how many cells ended neither with a result nor with a failure; return the exit code 1 if there are any."""
    lost = [cell for cell in left if read_failure(cell.run) is None]
    for cell in lost:
        about = {"ablation": plan.name, "cell": cell.id}
        json_output.add("lost", {**about, "row": cell.row, "factors": cell.factors, "seed": cell.seed})
    if lost:
        which = ", ".join(cell.label for cell in lost[:3]) + (", …" if len(lost) > 3 else "")
        console.print(
            f"{len(lost)} of {len(distinct(plan))} cells were not trained ({which}): their launcher lost them; "
            "the same command trains them",
            soft_wrap=True,
            style="yellow",
        )
    return 1 if lost else 0


def train_cells(plan: Plan, rules: Policy, engine: AbstractEngine, console: Console) -> bool:
    """Train the cells of a plan that are to be trained; return whether someone asked to stop."""
    folder = Outputs(plan.outputs).ablation(plan.name)
    planned = {cell.id for cell in plan.cells}  # of this FORMAT: their results need not be read for it
    others = {line["cell"] for line in read_lines(folder)} - planned
    if earlier := sum(is_earlier(folder.outputs.run(each)) for each in others):
        console.print(advice(earlier, plan.outputs), soft_wrap=True, style="yellow")
    write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    cells = todo(plan, rules.outdated)
    for cell in cells:
        if damaged := damage(cell.run):
            console.print(f"{cell.label}: {damaged['message']}", soft_wrap=True, style="yellow")
    for cell in distinct(plan):
        if is_finished(cell.run):
            tidy(cell.run)
    console.print(heading(plan), soft_wrap=True)
    stopped = bool(cells) and engine.run(plan, cells, rules, console)
    if not folder.cells.exists():
        console.print(f"{folder.folder} was removed meanwhile: it is written again", soft_wrap=True, style="yellow")
        write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    return stopped


def heading(plan: Plan) -> str:
    """Return the first line: `demo: 40 cells, 12 already finished`, and how many of these other code trained."""
    found = [each for each in map(current_result, distinct(plan)) if each is not None]
    old = older(found)
    again = {"stale": "trained again", "all": "all trained again"}.get(plan.sweep["rerun"], "kept")
    remark = f", {old} of them trained by a different version of the code: {again}" if old else ""
    how = " (sweep.rerun=stale trains them again)" if again == "kept" and old else ""
    return f"{plan.name}: {len(distinct(plan))} cells, {len(found)} already finished{remark}{how}"


def evaluate_and_report(plan: Plan, left: Sequence[Cell], jobs: int | str, stopped: bool = False) -> int:
    """Run the evaluations that the ablation requests, unless stopped, then show the results; return 1 if any failed.

    `left` are the cells that were to be trained and were not, some with an old result.
    """
    lacking = unfinished(plan)
    found = [(cell, read_failure(cell.run)) for cell in (*lacking, *(each for each in left if is_finished(each.run)))]
    failed: list[tuple[str, Failed]] = [("", [(cell, why) for cell, why in found if why is not None])]
    if not stopped and len(lacking) < len(distinct(plan)):
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
    from dropgrid.reports.report import write_report  # pandas and matplotlib: once there is something to show

    answers.reading(plan.outputs, plan.name)
    PRINTED[plan.name] = listing.print_report(write_report(plan.name, plan.outputs), evaluations)


def show_failures(plan: Plan, failed: Failed, name: str) -> None:
    """Print the failed cells: class and last line of each failure, and the path of its log."""
    for cell, why in failed:
        known = {"class": why["class"], "message": why["message"], "log": cell.folder / why["log"]}
        about = {"ablation": plan.name, "evaluation": name or None, "cell": cell.id}
        json_output.add("failed", {**about, "row": cell.row, "factors": cell.factors, "seed": cell.seed, **known})
    lines = [(cell.label, f"{why['class']}: {why['message']}", str(cell.folder / why["log"])) for cell, why in failed]
    heading = f"{name}: {len(failed)} failed" if name else f"{len(failed)} failed"
    listing.show(heading, listing.table(("cell", "failure", "log"), lines, left=(0, 1, 2)))
