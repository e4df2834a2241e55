"""Write the table, figures and page of finished cells: `python scripts/report.py NAME [paths.outputs=DIR]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, say
from dropgrid.errors import UserError
from dropgrid.store.answers import GIVEN, Answer, answered, reading
from dropgrid.store.layout import Outputs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: print the table and the paths; return 2 after a user's mistake."""
    words = sys.argv[1:] if arguments is None else arguments
    return answered("report", words, lambda: run(words))


def run(words: Sequence[str]) -> int:
    """Run the command though there is an answer."""
    expected = Parser("report", __doc__ or "")
    expected.add_argument("names", metavar="NAME", nargs="*", help="an ablation or a sweep")
    more = "add the rows of a CSV (columns row, seed, accuracy), in later reports too"
    expected.add_argument("--wide", action="store_true", help="all columns, however narrow the terminal")
    expected.add_argument("--import", metavar="FILE", dest="imports", type=Path, action="append", default=[], help=more)
    more = "compute the table of a published folder, such as results/demo, again from the values in it; writes nothing"
    expected.add_argument("--from", metavar="FOLDER", dest="published", type=Path, help=more)
    expected.add_argument("--forget", metavar="FILE", action="append", default=[], help="undo the import of a file")
    return run_command(act, expected, words)


def act(given: argparse.Namespace) -> int:
    """Write the report, and print it."""
    from dropgrid.cli.console import print_report  # here: an answer that is kept needs none of it
    from dropgrid.reports import external_results
    from dropgrid.reports.report import write_report
    from dropgrid.store.ablation import read

    if given.published is not None:
        return act_on_published(given)
    name = only_name(given.names, given.outputs)
    folder = Outputs(given.outputs).ablation(name).folder
    for path in given.imports:
        external_results.import_results(path, read(name, given.outputs), folder)
    for file in given.forget:
        external_results.forget_results(file, folder)
    reading(Path(given.outputs), name)
    report = write_report(name, given.outputs)
    text = print_report(report, wide=given.wide)
    GIVEN.set(Answer(Path(given.outputs), [name], [], text))
    return 0


def act_on_published(given: argparse.Namespace) -> int:
    """Print the table computed from a published folder's values; return 1 if it is not the published one."""
    from dropgrid.cli.console import print_report
    from dropgrid.reports import question
    from dropgrid.reports.recompute import DIGITS, differing_tables, recompute_table
    from dropgrid.reports.report import Report

    if given.names or given.imports or given.forget:
        raise UserError(f"--from {given.published} takes no NAME, --import or --forget: nothing is written")
    with recompute_table(given.published) as (table, contents):
        print_report(Report(table, []), wide=given.wide)
        kept = question.answers_to_publish(table)
    other = differing_tables(given.published, contents)
    json_output.give(differing=other, kept=[*kept])
    if kept:
        say(f"as published, for what they are computed from is too large to publish: {', '.join(kept)}")
    for path in other:
        say(f"{path} has another table: it was edited, or written by another version of dropgrid")
    if not other:
        say(f"{given.published} has this table, each number to {DIGITS} digits")
    return 1 if other else 0


def only_name(given: Sequence[str], outputs: Path) -> str:
    """Return the NAME that was given; UserError for none or several."""
    from dropgrid.store.ablation import names

    if len(given) == 1:
        return given[0]
    if given:
        raise UserError(f"report takes one NAME, got {len(given)}: {' '.join(given)}")
    known = names(outputs)
    there = f"NAME is one of: {', '.join(known)}" if known else f"none was run yet in {outputs}"
    raise UserError(f"no NAME given; {there}; usage: python scripts/report.py NAME [paths.outputs=DIR]")
