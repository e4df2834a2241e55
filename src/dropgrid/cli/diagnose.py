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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError
from dropgrid.execution.run_diagnostics import measure_ahead, measure_cell, measure_configuration
from dropgrid.measure.output import Observations, report_results
from dropgrid.planning.diagnostics import requested_diagnostics
from dropgrid.store.layout import Outputs

if TYPE_CHECKING:
    from dropgrid.planning.types import Plan
    from dropgrid.store.cell import Cell


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after a user's mistake."""
    expected = Parser("diagnose", __doc__ or "")
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
    options = requested_diagnostics(own)
    ahead = [each for each in options if each.images is None]
    observations: Observations = {each.name: {} for each in options}
    if given.cell is None and given.weights:
        raise UserError("--weights needs a finished cell: --cell ID or NAME")
    if given.cell is not None and ahead:
        raise UserError(f"{ahead[0].name} examines a training before its first step; --cell takes finished cells")
    if given.cell is not None:
        name = given.cell
        keyed = any("." in word.partition("=")[0] for word in own)
        for label, folder in finished_cells(name, rest, own, given.outputs).items():
            for option, seen in measure_cell(
                folder, options, given.weights or "last", label, recorded=not keyed
            ).items():
                observations[option][label] = seen
    else:
        plan = plan_configurations(rest, given.outputs)
        name = plan.name
        for label, cell in labelled(plan, rest).items():
            measure_configuration(
                plan, cell, label, [each for each in options if each.images is not None], observations
            )
            measure_ahead(plan, cell, label, ahead, observations)
    return report_results(Outputs(given.outputs).diagnostics(name).folder, options, observations)


def plan_configurations(words: Sequence[str], outputs: Path) -> "Plan":
    """Plan the configurations of train.py's overrides, checked as a launch checks them."""
    from dropgrid import build
    from dropgrid.cost.autotune import resolve_auto
    from dropgrid.dry_build import dry_build
    from dropgrid.planning.plan import plans

    found = resolve_auto(plans([*words, f"paths.outputs='{outputs}'"]))
    if len(found) > 1:
        raise UserError(f"one ablation at a time, got {', '.join(each.name for each in found)}")
    for cell in found[0].cells:
        dry_build(cell.config, cell.local, build.source(cell.config, cell.local).spec())
    return found[0]


def labelled(plan: "Plan", words: Sequence[str]) -> dict[str, "Cell"]:
    """Return label -> cell; the label names the seed only if there are several."""
    several = len({cell.seed for cell in plan.cells}) > 1
    found = {}
    for cell in plan.cells:
        name = cell.label if several else cell.label.removesuffix(f" seed {cell.seed}")
        found[" ".join(words) or "default run" if name == "run" else name] = cell
    return found


def finished_cells(name: str, words: Sequence[str], own: Sequence[str], outputs: Path) -> dict[str, Path]:
    """Return label -> folder of the finished cells that --cell selects."""
    from dropgrid.execution.run_evaluations import finished
    from dropgrid.store.records import is_finished

    timed = [word for word in own if word.lstrip("+").startswith(("diagnose.steps", "diagnose.every"))]
    if words or timed:
        raise UserError(
            f"{[*words, *timed][0]}: only diagnose.* keys, other than steps and every, can be overridden with --cell"
        )
    place = Outputs(outputs)
    if is_finished(place.run(name)):
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
