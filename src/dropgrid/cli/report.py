"""Write the table, figures and page of finished cells: `python scripts/report.py NAME [paths.outputs=DIR]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dropgrid.commands import command_parser, run_command, terminal
from dropgrid.errors import UserError
from dropgrid.reports import external_results
from dropgrid.reports.report import write
from dropgrid.store.ablation import names, read
from dropgrid.store.layout import Outputs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: print the table and the paths; return 2 after a user's mistake."""
    expected = command_parser("report", __doc__ or "")
    expected.add_argument("names", metavar="NAME", nargs="*", help="an ablation or a sweep")
    more = "add the rows of a CSV (columns row, seed, accuracy), in later reports too"
    expected.add_argument("--import", metavar="FILE", dest="imports", type=Path, action="append", default=[], help=more)
    expected.add_argument("--forget", metavar="FILE", action="append", default=[], help="undo the import of a file")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Write the report, and print it."""
    name = only_name(given.names, given.outputs)
    folder = Outputs(given.outputs).ablation(name).folder
    for path in given.imports:
        external_results.remember(path, read(name, given.outputs), folder)
    for file in given.forget:
        external_results.forget(file, folder)
    report = write(name, given.outputs)
    if sys.stdout.isatty():
        terminal().print(report.renderable)
    else:
        print(report.text)
    for path in report.paths:
        print(path)
    return 0


def only_name(given: Sequence[str], outputs: Path) -> str:
    """Return the NAME that was given; UserError for none or several."""
    if len(given) == 1:
        return given[0]
    if given:
        raise UserError(f"report takes one NAME, got {len(given)}: {' '.join(given)}")
    known = names(outputs)
    there = f"NAME is one of: {', '.join(known)}" if known else f"none was run yet in {outputs}"
    raise UserError(f"no NAME given; {there}; usage: python scripts/report.py NAME [paths.outputs=DIR]")
