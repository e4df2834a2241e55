"""From finished cells to table, figures and page: `python scripts/report.py NAME [paths.outputs=DIR]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dropgrid.commands import parser, run, terminal
from dropgrid.errors import UserError
from dropgrid.reports import external_results
from dropgrid.reports.report import write
from dropgrid.store.ablation import names, read
from dropgrid.store.layout import Outputs


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints the table and the paths; 2 and one line for what cannot work."""
    expected = parser("report", __doc__ or "")
    expected.add_argument("names", metavar="NAME", nargs="*", help="an ablation or a sweep")
    more = "add the rows of a CSV (columns row, seed, accuracy), in later reports too"
    expected.add_argument("--import", metavar="FILE", dest="imports", type=Path, action="append", default=[], help=more)
    expected.add_argument("--forget", metavar="FILE", action="append", default=[], help="undo the import of a file")
    return run(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Write the report, and print it."""
    name = one(given.names, given.outputs)
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


def one(given: Sequence[str], outputs: Path) -> str:
    """The one NAME that was given."""
    if len(given) == 1:
        return given[0]
    if given:
        raise UserError(f"report takes one NAME, got {len(given)}: {' '.join(given)}")
    known = names(outputs)
    there = f"NAME is one of: {', '.join(known)}" if known else f"none was run yet in {outputs}"
    raise UserError(f"no NAME given; {there}; usage: python scripts/report.py NAME [paths.outputs=DIR]")
