"""Compare runs that were trained elsewhere: `python scripts/compare.py FILE… [--row COLUMN --seed COLUMN …]`.

FILE is a table with a line a run (.csv, .tsv, .jsonl, .json, .parquet; W&B's export is one), or a folder of runs: W&B's
offline runs, an MLflow store, TensorBoard's event files, Lightning's CSVLogger. The result is that of an ablation: a
table with simultaneous intervals and verdicts, figures and a page, written to the folder `compared` or to --to. Columns
that are not named are guessed, and the guess is printed. Seeds pair runs; rows with other seeds are compared unpaired.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: print the table and the paths; return 2 after a user's mistake."""
    expected = Parser("compare", __doc__ or "", writes=False)
    expected.add_argument("files", metavar="FILE", nargs="+", type=Path, help="tables, or folders of runs")
    more = "what names a row: a method, a model; several as --row A,B"
    expected.add_argument("--row", metavar="COLUMN", type=columns, help=more)
    expected.add_argument("--seed", metavar="COLUMN", help="seeds, which pair the runs of rows")
    expected.add_argument("--metric", metavar="COLUMN", help="the results")
    expected.add_argument("--baseline", metavar="NAME", help="the row that the others are compared with")
    more = "what makes tables of their own, such as the data set"
    expected.add_argument("--by", metavar="COLUMN", type=columns, default=[], help=more)
    more = "a difference that counts as none, in the unit of the table: without it no row is equal"
    expected.add_argument("--margin", metavar="NUMBER", type=float, help=more)
    lower = expected.add_mutually_exclusive_group()
    more = "of the metric; the default goes by its name"
    lower.add_argument("--lower-is-better", action="store_true", default=None, help=more)
    lower.add_argument("--higher-is-better", action="store_false", dest="lower_is_better", help=more)
    expected.add_argument("--unit", choices=("percent", "fraction", "none"), help="of the metric, if not as guessed")
    more = "names of test images, if a line is one image of a run: the metric is then 0 to 1 of each"
    expected.add_argument("--image", metavar="COLUMN", help=more)
    expected.add_argument("--wide", action="store_true", help="all columns, however narrow the terminal")
    expected.add_argument("--title", help="of the table and the page")
    more = "where table.{md,csv,tex,json}, figures and report.html are written; default: compared"
    expected.add_argument("--to", metavar="FOLDER", type=Path, default=Path("compared"), help=more)
    return run_command(act, expected, arguments)


def columns(text: str) -> list[str]:
    """Return the names of columns, which commas separate."""
    return text.split(",")


def act(given: argparse.Namespace) -> int:
    """Read the runs, compare them, print the table and write the files."""
    from dropgrid.cli.console import print_report  # here: --help needs no pandas
    from dropgrid.reports.compare import compare
    from dropgrid.reports.report import Report
    from dropgrid.reports.run_files import read_runs

    options = {key: value for key, value in vars(given).items() if key not in ("files", "to", "wide", "outputs")}
    found = compare(read_runs(given.files), **options)
    json_output.give(said=found.said)
    for line in found.said:
        say(line)
    print_report(Report(found.report, found.write(given.to)), wide=given.wide)
    return 0
