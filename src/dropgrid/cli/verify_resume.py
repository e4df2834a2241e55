"""Verify that a killed run resumes exactly, by comparing it bit for bit with an uninterrupted run:
`python scripts/verify_resume.py [OVERRIDES]`, the overrides of one run.

The run is killed before its first step, in the middle of an epoch, at an epoch's first and last batch, inside
validation, and between the last step and the result, and is asked to stop once. Each time it resumes from its last
checkpoint.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, terminal
from dropgrid.cost.autotune import resolve_auto
from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.execution.forkserver import warm
from dropgrid.execution.supervisor import Outcome, supervise
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.plan import plans
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_json
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.tasks.description import task_option
from dropgrid.training.train import train

FILES = ("last.safetensors", "best.safetensors", "metrics.csv", "predictions.npz")
"""Compared byte by byte; result.json is compared except for the parts in NOT_COMPARED."""

NOT_COMPARED = ("timing", "provenance")

Point = tuple[str, int, signal.Signals]
"""Place (`step`, `validation` or `end`), step or epoch, and signal."""


class Interrupt(Callback):
    """Sends this process a signal before a step, during an epoch's validation, or when training has ended."""

    def __init__(self, point: Point):
        self.where, self.when, self.signal = point

    def strike(self, where: str, when: int) -> None:
        """Send the signal if this is the point."""
        if where == self.where and when >= self.when:
            self.when = sys.maxsize
            os.kill(os.getpid(), self.signal)

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, *_: Any) -> None:
        self.strike("step", trainer.global_step)

    def on_validation_batch_end(self, trainer: Trainer, learner: LightningModule, *_: Any) -> None:
        self.strike("validation", trainer.current_epoch)

    def on_fit_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.strike("end", 0)


def train_until_killed(point: Point, cell: Mapping[str, Any], folder: Path) -> None:
    """Train in the process that is to be killed."""
    train(cell, folder, callbacks=[Interrupt(point)])


def kill_points(steps: int, epochs: int, validates: bool) -> dict[str, Point]:
    """Return name -> point, in the order in which a run reaches them."""
    kill, term, each = signal.SIGKILL, signal.SIGTERM, steps // epochs
    middle = max(1, each // 2)
    found: dict[str, Point] = {
        "before the first step": ("step", 0, kill),
        "after the first step": ("step", 1, kill),
        "mid-epoch": ("step", middle, kill),
        "asked to stop (SIGTERM)": ("step", middle + 1, term),
        "last batch of an epoch": ("step", max(middle + 1, each - 1), kill),
    }
    found |= {"inside validation": ("validation", 0, kill)} if validates else {}
    found |= {"first batch of an epoch": ("step", max(middle + 1, each), kill)} if epochs > 1 else {}
    return found | {"last step": ("step", steps - 1, kill), "before the result": ("end", 0, kill)}


def verify(plan: Plan, place: Path, console: Console) -> list[str]:
    """Return what differs between the uninterrupted run and the killed run; empty if nothing does."""
    cell = plan.cells[0]
    alone, killed = place / "alone", place / "killed"
    with console.status("training without interruption"):
        result = train_uninterrupted(plan, alone)
    steps, epochs = result["steps"], result["epochs"]
    if steps < 4:
        raise UserError(f"a run of {steps} optimizer steps is too short to be killed at every point; it needs 4")
    given = with_frequent_checkpoints(plan.supervised(cell), steps)
    json_output.give(steps=steps, epochs=epochs, weights=result["weights"]["last"])
    console.print(f"uninterrupted: {steps} steps, {epochs} epochs, weights {result['weights']['last'][:12]}")
    for name, point in kill_points(steps, epochs, result["metrics"].get("val/acc_last") is not None).items():
        with console.status(f"training, to be killed: {name}"):
            outcome = supervise(given, killed, partial(train_until_killed, point))
        if outcome.status != "failed" or point[2].name not in outcome.failure:
            raise UserError(f"{name}: expected to end by {point[2].name}, got {outcome.status} {outcome.failure}")
        resumed = resumed_from(Outputs(killed).run(cell.id))
        json_output.add("kills", {"point": name, "signal": point[2].name, "resumed": resumed})
        console.print(f"{point[2].name} {name}: {resumed}")
    with console.status("training to the end"):
        require_finished(supervise(given, killed, train))
    return differences(Outputs(alone).run(cell.id).folder, Outputs(killed).run(cell.id).folder)


def train_uninterrupted(plan: Plan, outputs: Path) -> dict[str, Any]:
    """Train the cell without interruption; return its result."""
    require_finished(supervise(plan.supervised(plan.cells[0]), outputs, train))
    found: dict[str, Any] = read_json(Outputs(outputs).run(plan.cells[0].id).result)
    return found


def require_finished(outcome: Outcome) -> None:
    """Raise UserError unless the cell finished."""
    if outcome.status != "finished":
        raise UserError(f"the cell {outcome.status}: {outcome.failure}\nlog: {outcome.log}")


def with_frequent_checkpoints(cell: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return the cell with a checkpoint every few steps, unless its config sets `sweep.checkpoint.steps`."""
    sweep = cell["local"]["sweep"]
    every = sweep["checkpoint"]["steps"] or max(2, steps // 13)
    return {**cell, "local": {**cell["local"], "sweep": {**sweep, "checkpoint": {"minutes": None, "steps": every}}}}


def resumed_from(run: RunFolder) -> str:
    """Return the line of the log that names where the killed attempt had started."""
    log = run.log.read_text(encoding="utf-8", errors="replace").rpartition("\n--- ")[2]
    return next((line for line in log.splitlines() if line.startswith("continues ")), "began at the first step")


def differences(alone: Path, killed: Path) -> list[str]:
    """Return the files, and keys of the result, that differ."""
    written = [name for name in FILES if (alone / name).exists()]  # a module of one's own has no predictions
    found = [name for name in written if (alone / name).read_bytes() != (killed / name).read_bytes()]
    one, two = (read_json(RunFolder(each).result) for each in (alone, killed))
    return found + [f"result.json: {key}" for key in one if key not in NOT_COMPARED and one[key] != two.get(key)]


def require_single_cell(cells: Sequence[Cell]) -> None:
    """Raise UserError unless there is exactly one cell."""
    if len(cells) != 1:
        raise UserError(f"one run at a time: these overrides make {len(cells)} cells; select one row and one seed")


def act(given: Any) -> int:
    """Verify the run; return 1 if it differs."""
    console = terminal(soft_wrap=True)
    (plan, *more) = resolve_auto(plans(read_command_line(given.overrides).overrides_of_cells))
    require_single_cell([*plan.cells, *(cell for each in more for cell in each.cells)])
    if task_option(plan.cells[0].config) == "Function":
        raise UserError("task=function is called once: there are no steps to be killed at; its folder is kept")
    warm([])
    check([plan])
    with tempfile.TemporaryDirectory(prefix="verify-resume-") as place:
        found = verify(plan, Path(place), console)
    json_output.give(different=found)
    if found:
        console.print(f"DIFFERENT after being killed: {', '.join(found)}")
        return 1
    console.print("identical: weights, metrics.csv, predictions if there are any, result.json")
    return 0


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if the runs are bit-identical, else 1."""
    command = Parser("verify_resume", __doc__ or "")
    command.add_argument("overrides", nargs="*", help="as for train.py")
    return run_command(act, command, given)
