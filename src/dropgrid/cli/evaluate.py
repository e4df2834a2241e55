"""Measure finished cells again, without training:
`python scripts/evaluate.py NAME +evaluate=X [evaluate.key=value …] [sweep.jobs=N]`.

X is one of conf/evaluate: adversarial, bn_statistics, calibration, cam, coadaptation, columns, corruption,
dropblock_inference, gradient_variance, monte_carlo, noise, occlusion, other_data, variance_shift, weights.
evaluate.weights=best takes the weights of the best validation epoch. Earlier measurements are reused from
outputs/runs/<id>/evaluations; the numbers are columns of the table.
"""

import argparse
from collections.abc import Sequence

from dropgrid import json_output
from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError
from dropgrid.execution.run_evaluations import finished, measure, refuse
from dropgrid.planning.evaluations import compose_evaluation
from dropgrid.store.ablation import names, read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a cell failed, 2 after a user's mistake."""
    expected = Parser("evaluate", __doc__ or "")
    expected.add_argument("words", metavar="NAME +evaluate=X", nargs="*", help="an ablation or a sweep, and overrides")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Measure what is missing, then write and print the report."""
    from dropgrid.cli.launch import show_results

    json_output.give(tables=[], failed=[])
    known = names(given.outputs)
    named = [word for word in given.words if "=" not in word or word in known]  # sweeps without a name have = in theirs
    if len(named) != 1:
        there = ", ".join(known) or f"none was run yet in {given.outputs}"
        raise UserError(f"evaluate takes one NAME, got {' '.join(named) or 'none'}; NAME is one of: {there}")
    read(named[0], given.outputs)  # a mistyped NAME is reported first
    evaluation, jobs = compose_evaluation([word for word in given.words if word not in named], given.outputs)
    plan = finished(named[0], given.outputs, jobs)
    failed = measure(plan, evaluation)
    refuse(plan, evaluation, failed)
    return show_results(plan, [(evaluation.label, failed)])
