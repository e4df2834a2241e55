"""Measure what a network does to its signal before training, after some steps, or once training is over:
`python scripts/diagnose.py [X[,Y…]|all] [diagnose.key=value …] [OVERRIDES…]`; +diagnose=X is the same.

X is one of conf/diagnose: signal (the default), jacobian, hessian, weights_by_depth, gradient, landscape,
inputs. OVERRIDES are those of train.py; values with commas are configurations side by side: norm=batch,none. The
network is measured at its initial weights; diagnose.steps=N measures it after N steps of its own training,
diagnose.every=K also at every K-th step until then. --cell measures what is trained: a finished cell by its id, or the
first finished seed of each row of the ablation NAME.

Two more X concern the learning rate and are not part of all: lr draws it by step and trains nothing; lr_find trains
while it rises from diagnose.low to diagnose.high, and reports where the loss falls fastest and where it diverges.

Figures and numbers are written to outputs/diagnostics/<name>.
"""

import argparse
import io
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid import checks
from dropgrid.commands import command_parser, run_command
from dropgrid.errors import UserError, did_you_mean
from dropgrid.measure.output import Asked, Seen, Sights, tell
from dropgrid.store.layout import Outputs, RunFolder

if TYPE_CHECKING:
    from dropgrid.measure.probe import Probe
    from dropgrid.measure.subject import Found
    from dropgrid.measure.training_setup import Course
    from dropgrid.planning.types import Plan
    from dropgrid.store.cell import Cell

DEFAULT = "signal"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after a user's mistake."""
    expected = command_parser("diagnose", __doc__ or "")
    expected.add_argument(
        "words", metavar="X OVERRIDES", nargs="*", help="diagnostics, and the configurations to measure"
    )
    expected.add_argument("--cell", metavar="ID|NAME", help="a finished cell, or the cells of an ablation")
    expected.add_argument("--weights", choices=("last", "best"), help="of a finished cell; default: last")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Compose the configurations, measure them, write the figures and print the numbers."""
    words = [word if "=" in word or word[0] in "+~" else f"+diagnose={word}" for word in given.words if word]
    own = [word for word in words if word.lstrip("+~").startswith(("diagnose=", "diagnose."))]
    rest = [word for word in words if word not in own]
    options = asked(own)
    ahead = [each for each in options if each.images is None]
    sights: Sights = {each.name: {} for each in options}
    if given.cell is None and given.weights:
        raise UserError("--weights needs a finished cell: --cell ID or NAME")
    if given.cell is not None and ahead:
        raise UserError(f"{ahead[0].name} examines a training before its first step; --cell takes finished cells")
    if given.cell is not None:
        name = given.cell
        keyed = any("." in word.partition("=")[0] for word in own)
        for label, folder in trained(name, rest, own, given.outputs).items():
            for option, seen in look_back(folder, options, given.weights or "last", label, recorded=not keyed).items():
                sights[option][label] = seen
    else:
        plan = planned(rest, given.outputs)
        name = plan.name
        for label, cell in labelled(plan, rest).items():
            look_at(plan, cell, label, [each for each in options if each.images is not None], sights)
            look_ahead(plan, cell, label, ahead, sights)
    return tell(Outputs(given.outputs).diagnostics(name).folder, options, sights)


def asked(words: Sequence[str]) -> list[Asked]:
    """Return the diagnostics that the overrides name; UserError for an unknown diagnostic or key."""
    import hydra

    from dropgrid.planning.compose import group_options, hydra_context, resolved_config
    from dropgrid.planning.explain import explained
    from dropgrid.planning.overrides import key_of, parse_overrides, texts_of, values_of

    with hydra_context(), explained():
        parsed = parse_overrides([word.removeprefix("+") for word in words])
        named = [value for each in parsed if each.key_or_group == "diagnose" for value in values_of(each)]
        known = group_options("diagnose")
        names = known if named == ["all"] else named or [DEFAULT]
        for name in names:
            if name not in known:
                close = did_you_mean(name, known)
                raise UserError(f"there is no diagnostic {name!r}{close}; all, or: {', '.join(known)}")
        keys = [each for each in parsed if each.key_or_group != "diagnose"]
        swept = next((each for each in keys if each.is_sweep_override()), None)
        if swept is not None:
            raise UserError(
                f"{swept.input_line}: diagnose.* keys take one value each; only configurations can be swept"
            )
        nodes = {
            name: resolved_config(hydra.compose("train", overrides=[f"+diagnose={name}"]))["diagnose"] for name in names
        }
        if named == ["all"]:  # those that measure a network
            nodes = {name: node for name, node in nodes.items() if "images" in node}
        for each in keys:
            key = key_of(each).removeprefix("diagnose.")
            there = list(dict.fromkeys(k for node in nodes.values() for k in node if not k.startswith("_")))
            if key not in there:
                raise UserError(
                    f"there is no key diagnose.{key}{did_you_mean(key, there)}; keys: {', '.join(there) or 'none'}"
                )
        made = []
        for name, node in nodes.items():
            lines = texts_of([each for each in keys if key_of(each).removeprefix("diagnose.") in node])
            composed = resolved_config(hydra.compose("train", overrides=[f"+diagnose={name}", *lines]))["diagnose"]
            if "images" not in composed:
                made.append(Asked(name, composed, None, 0, None))
                continue
            images, steps, every = (composed.pop(key) for key in ("images", "steps", "every"))
            checks.whole_number("diagnose.images", images, 1, error=UserError)
            checks.whole_number("diagnose.steps", steps, 0, error=UserError)
            if every is not None:
                checks.whole_number("diagnose.every", every, 1, error=UserError)
            made.append(Asked(name, composed, images, steps, every))
    return made


def planned(words: Sequence[str], outputs: Path) -> "Plan":
    """Plan the configurations of train.py's overrides, checked as a launch checks them."""
    from dropgrid import build
    from dropgrid.cost.autotune import settle
    from dropgrid.planning.plan import plans

    found = settle(plans([*words, f"paths.outputs='{outputs}'"]))
    if len(found) > 1:
        raise UserError(f"one ablation at a time, got {', '.join(each.name for each in found)}")
    for cell in found[0].cells:
        build.check(cell.config, cell.local, build.source(cell.config, cell.local).spec())
    return found[0]


def labelled(plan: "Plan", words: Sequence[str]) -> dict[str, "Cell"]:
    """Return label -> cell; the label names the seed only if there are several."""
    several = len({cell.seed for cell in plan.cells}) > 1
    found = {}
    for cell in plan.cells:
        name = cell.label if several else cell.label.removesuffix(f" seed {cell.seed}")
        found[" ".join(words) or "default run" if name == "run" else name] = cell
    return found


def trained(name: str, words: Sequence[str], own: Sequence[str], outputs: Path) -> dict[str, Path]:
    """Return label -> folder of the finished cells that --cell selects."""
    from dropgrid.execution.run_evaluations import finished

    timed = [word for word in own if word.lstrip("+").startswith(("diagnose.steps", "diagnose.every"))]
    if words or timed:
        raise UserError(
            f"{[*words, *timed][0]}: only diagnose.* keys, other than steps and every, can be overridden with --cell"
        )
    place = Outputs(outputs)
    if place.run(name).finished:
        return {name: place.run(name).folder}
    known = place.ablation_names
    if name not in known:
        raise UserError(
            f"no finished cell or ablation {name!r} in {place.runs}; ablations: {', '.join(known) or 'none'}"
        )
    found: dict[str, Path] = {}
    for cell in finished(name, outputs, 1).cells:
        label = " ".join([*(f"{key}={value}" for key, value in cell.factors.items()), cell.row])
        found.setdefault(label, cell.folder)
    return found


def look_at(plan: "Plan", cell: "Cell", label: str, options: Sequence[Asked], sights: Sights) -> None:
    """Measure a configuration at each requested step, in a training of its own that leaves no files."""
    if not options:
        return
    from dropgrid.commands import terminal
    from dropgrid.learner import Learner
    from dropgrid.measure.probe import probe
    from dropgrid.measure.step_callbacks import Enough, Visits
    from dropgrid.training.train import Trial

    last = max(each.steps for each in options)
    console = terminal()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), warnings.catch_warnings():
        visits = Visits(last, lambda step: visit(step))
        trial = Trial(plan.supervised(cell), Path(folder), [], [visits])
        learner = trial.learner
        assert isinstance(learner, Learner)
        lr = cell.config["optimizer"].get("lr")

        def visit(step: int) -> None:
            for each in options:
                if each.due(step):
                    looked = measured(
                        each, lambda n: probe(learner, trial.splits.train, images=n, lr=lr), console, label
                    )
                    sights[each.name].setdefault(label, []).extend(Seen(step, found) for found in looked)

        if last == 0:
            visit(0)
            return
        try:
            warnings.simplefilter("ignore")  # Lightning warns of its own code
            with console.status(f"training {last:,} steps of {label}"):
                trial.fit()
        except Enough:
            return
        if visits.reached < last:
            raise UserError(f"diagnose.steps={last}: the training of {label} has only {visits.reached} steps")


def look_ahead(plan: "Plan", cell: "Cell", label: str, options: Sequence[Asked], sights: Sights) -> None:
    """Measure a configuration's training before its first step."""
    from dropgrid.commands import terminal
    from dropgrid.instantiate import call, instantiate

    for each in options:
        with terminal().status(f"{each.name} of {label}"):
            found = call("diagnose", instantiate("diagnose", each.node), course(plan, cell))
        sights[each.name][label] = [Seen(0, found)]


def course(plan: "Plan", cell: "Cell") -> "Course":
    """Return the training of a cell; running it leaves no files."""
    from dropgrid import build
    from dropgrid.instantiate import instantiate
    from dropgrid.measure.training_setup import Course, Schedule, Watch, optimizer_steps

    config, trainer = cell.config, cell.config["trainer"]
    images = build.source(config, cell.local).spec().train
    limit, micro = trainer["limit_train_batches"], trainer["accumulate_grad_batches"]
    of_epoch = optimizer_steps(images, config["data"]["batch_size"], limit, micro, 1)

    def train(schedule: Schedule, steps: int, watch: Watch) -> None:
        from dropgrid.learner import Learner
        from dropgrid.measure.step_callbacks import Enough, Losses
        from dropgrid.training.train import Trial

        longer = {**trainer, "max_epochs": max(trainer["max_epochs"], -(-steps // of_epoch))}
        job = plan.supervised(cell) | {"config": {**config, "trainer": longer}}
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), warnings.catch_warnings():
            trial = Trial(job, Path(folder), [], [Losses(watch)])
            assert isinstance(trial.learner, Learner)
            trial.learner.lr_schedule = schedule
            warnings.simplefilter("ignore")  # Lightning warns of its own code
            with suppress(Enough):
                trial.fit()

    schedule = instantiate("lr_schedule", config["lr_schedule"])
    steps, most = of_epoch * trainer["max_epochs"], trainer.get("max_steps", -1)
    return Course(config["optimizer"]["lr"], schedule, min(steps, most) if most > 0 else steps, train)


def look_back(
    folder: Path, options: Sequence[Asked], weights: str, label: str, *, recorded: bool
) -> dict[str, list[Seen]]:
    """Measure a finished cell; `recorded` adds what its training recorded, if it did."""
    from dropgrid.commands import terminal
    from dropgrid.measure.probe import Probe, probe
    from dropgrid.measure.snapshots import read
    from dropgrid.measure.subject import Found, load
    from dropgrid.store.files import read_json

    run, subject = RunFolder(folder), load(folder, weights)
    learner = subject.learner(subject.network, subject.seed).to(subject.device)
    steps = int(read_json(run.result)["steps"])
    history = read(run.diagnosis) if recorded and weights == "last" else {}
    lr, console = subject.config["optimizer"].get("lr"), terminal()

    def on(images: int) -> Probe:
        return probe(learner, subject.splits.train, images=images, lr=lr)

    seen = {}
    for each in options:
        now = [Seen(steps, found) for found in measured(each, on, console, label)]
        kept = [Seen(moment.step, Found({}, dict(moment.arrays))) for moment in history.get(each.name, [])]
        if kept and now:  # measures are reported for the last moment only
            kept[-1] = Seen(kept[-1].step, Found(now[0].found.measures, kept[-1].found.arrays))
        seen[each.name] = kept or now
    return seen


def measured(each: Asked, on: Callable[[int], "Probe"], console: Any, label: str) -> "list[Found]":
    """Return the result of a diagnostic; empty, with a printed line, if it does not apply."""
    from dropgrid.instantiate import call, instantiate
    from dropgrid.measure.probe import Probe
    from dropgrid.measure.subject import DoesNotApply

    assert each.images is not None, "it measures a network"
    looked: Probe = call("diagnose", on, each.images)
    try:
        return [call("diagnose", instantiate("diagnose", each.node), looked)]
    except DoesNotApply as reason:
        console.print(f"{each.name} does not apply to {label}: {reason}", soft_wrap=True)
        return []
