"""Measure networks by diagnostics: at their initial weights, after steps of their own training, or once trained."""

import io
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid.errors import UserError
from dropgrid.measure.output import DiagnosticRequest, Observation, Observations
from dropgrid.store.layout import RunFolder

if TYPE_CHECKING:
    from dropgrid.measure.probe import Probe
    from dropgrid.measure.trained_cell import MeasureResult
    from dropgrid.measure.training_setup import TrainingSetup
    from dropgrid.planning.types import Plan
    from dropgrid.store.cell import Cell


def measure_configuration(
    plan: "Plan", cell: "Cell", label: str, options: Sequence[DiagnosticRequest], observations: Observations
) -> None:
    """Measure a configuration at each requested step, in a training of its own that leaves no files."""
    if not options:
        return
    from dropgrid.commands import terminal
    from dropgrid.learner import Learner
    from dropgrid.measure.probe import make_probe
    from dropgrid.measure.step_callbacks import StepVisitor, StopTraining
    from dropgrid.training.train import Trial

    last = max(each.steps for each in options)
    console = terminal()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), warnings.catch_warnings():
        visits = StepVisitor(last, lambda step: visit(step))
        trial = Trial(plan.supervised(cell), Path(folder), [], [visits])
        learner = trial.learner
        assert isinstance(learner, Learner)
        lr = cell.config["optimizer"].get("lr")

        def visit(step: int) -> None:
            for each in options:
                if each.due(step):
                    looked = run_diagnostic(
                        each, lambda n: make_probe(learner, trial.splits.train, images=n, lr=lr), console, label
                    )
                    observations[each.name].setdefault(label, []).extend(Observation(step, found) for found in looked)

        if last == 0:
            visit(0)
            return
        try:
            warnings.simplefilter("ignore")  # Lightning warns of its own code
            with console.status(f"training {last:,} steps of {label}"):
                trial.fit()
        except StopTraining:
            return
        if visits.reached < last:
            raise UserError(f"diagnose.steps={last}: the training of {label} has only {visits.reached} steps")


def measure_ahead(
    plan: "Plan", cell: "Cell", label: str, options: Sequence[DiagnosticRequest], out: Observations
) -> None:
    """Measure a configuration's training before its first step."""
    from dropgrid.commands import terminal
    from dropgrid.instantiate import call, instantiate

    for each in options:
        with terminal().status(f"{each.name} of {label}"):
            found = call("diagnose", instantiate("diagnose", each.node), training_of(plan, cell))
        out[each.name][label] = [Observation(0, found)]


def training_of(plan: "Plan", cell: "Cell") -> "TrainingSetup":
    """Return the training of a cell; running it leaves no files."""
    from dropgrid import build
    from dropgrid.instantiate import instantiate
    from dropgrid.measure.training_setup import Schedule, TrainingSetup, Watch, optimizer_steps

    config, trainer = cell.config, cell.config["trainer"]
    images = build.source(config, cell.local).spec().train
    limit, micro = trainer["limit_train_batches"], trainer["accumulate_grad_batches"]
    of_epoch = optimizer_steps(images, config["data"]["batch_size"], limit, micro, 1)

    def train(schedule: Schedule, steps: int, watch: Watch) -> None:
        from dropgrid.learner import Learner
        from dropgrid.measure.step_callbacks import LossWatcher, StopTraining
        from dropgrid.training.train import Trial

        longer = {**trainer, "max_epochs": max(trainer["max_epochs"], -(-steps // of_epoch))}
        job = plan.supervised(cell) | {"config": {**config, "trainer": longer}}
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), warnings.catch_warnings():
            trial = Trial(job, Path(folder), [], [LossWatcher(watch)])
            assert isinstance(trial.learner, Learner)
            trial.learner.lr_schedule = schedule
            warnings.simplefilter("ignore")  # Lightning warns of its own code
            with suppress(StopTraining):
                trial.fit()

    schedule = instantiate("lr_schedule", config["lr_schedule"])
    steps, most = of_epoch * trainer["max_epochs"], trainer.get("max_steps", -1)
    return TrainingSetup(config["optimizer"]["lr"], schedule, min(steps, most) if most > 0 else steps, train)


def measure_cell(
    folder: Path, options: Sequence[DiagnosticRequest], weights: str, label: str, *, recorded: bool
) -> dict[str, list[Observation]]:
    """Measure a finished cell; `recorded` adds what its training recorded, if it did."""
    from dropgrid.commands import terminal
    from dropgrid.measure.probe import Probe, make_probe
    from dropgrid.measure.snapshots import read_snapshots
    from dropgrid.measure.trained_cell import MeasureResult, load_trained_cell
    from dropgrid.store.records import read_result

    run, cell = RunFolder(folder), load_trained_cell(folder, weights)
    learner = cell.learner(cell.network, cell.seed).to(cell.device)
    steps = int((read_result(run) or {})["steps"])
    history = read_snapshots(run.diagnosis) if recorded and weights == "last" else {}
    lr, console = cell.config["optimizer"].get("lr"), terminal()

    def on(images: int) -> Probe:
        return make_probe(learner, cell.splits.train, images=images, lr=lr)

    seen = {}
    for each in options:
        now = [Observation(steps, found) for found in run_diagnostic(each, on, console, label)]
        kept = [Observation(at.step, MeasureResult({}, dict(at.arrays))) for at in history.get(each.name, [])]
        if kept and now:  # measures are reported for the last moment only
            kept[-1] = Observation(kept[-1].step, MeasureResult(now[0].found.measures, kept[-1].found.arrays))
        seen[each.name] = kept or now
    return seen


def run_diagnostic(
    each: DiagnosticRequest, on: Callable[[int], "Probe"], console: Any, label: str
) -> "list[MeasureResult]":
    """Return the result of a diagnostic; empty, with a printed line, if it does not apply."""
    from dropgrid.instantiate import call, instantiate
    from dropgrid.measure.probe import Probe
    from dropgrid.measure.trained_cell import DoesNotApply

    assert each.images is not None, "it measures a network"
    looked: Probe = call("diagnose", on, each.images)
    try:
        return [call("diagnose", instantiate("diagnose", each.node), looked)]
    except DoesNotApply as reason:
        console.print(f"{each.name} does not apply to {label}: {reason}", soft_wrap=True)
        return []
