"""From finished cells to table, figures and page: `python scripts/report.py NAME [paths.outputs=DIR]`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dropgrid.commands import parser, run, terminal
from dropgrid.errors import UserError
from dropgrid.reports import formats, guard, imported
from dropgrid.reports.captions import CAPTIONS
from dropgrid.reports.cells import names, read
from dropgrid.reports.files import write as write_file
from dropgrid.reports.table import Table, tabulate
from dropgrid.reports.terminal import Terminal, plain

PIPE_WIDTH = 180
"""Characters a line where the output is no terminal."""


@dataclass(frozen=True)
class Report:
    """What `write` wrote, in the order to be read, and the table to print."""

    table: Table
    paths: list[Path]

    @property
    def renderable(self) -> Terminal:
        """The table for a rich console."""
        return Terminal(self.table)

    @property
    def text(self) -> str:
        """The table as plain text."""
        return plain(self.table, PIPE_WIDTH)


def write(name: str, outputs: Path | str) -> Report:
    """Write table.{md,csv,tex,json}, figure*.{png,pdf} and report.html of an ablation, from what is finished so far.

    Every file is replaced as a whole; one of our figures for which there is nothing to draw is removed.

    Raises:
        UserError: no such ablation, an unreadable or unwritable file, or rows that are not comparable.
    """
    ablation = read(name, outputs)
    guard.check(ablation)
    folder = Path(outputs) / "ablations" / name
    if folder.is_symlink():
        raise UserError(f"{folder} is a link: a report is written into a folder of its own")
    table = imported.added(tabulate(ablation), folder)
    pictures = draw(table)
    from dropgrid.reports import page

    contents: dict[str, str | bytes] = {
        "table.md": formats.markdown(table),
        "table.csv": formats.as_csv(table),
        "table.tex": formats.latex(table),
        "table.json": formats.as_json(table),
        **pictures,
        "report.html": page.render(table, {file: each for file, each in pictures.items() if file.endswith(".png")}),
    }
    for file, content in contents.items():
        write_file(folder / file, content)
    for path in [*folder.glob("figure*.png"), *folder.glob("figure*.pdf")]:
        if path.stem in CAPTIONS and path.name not in contents:
            path.unlink()
    return Report(table, [folder / file for file in contents])


def draw(table: Table) -> dict[str, bytes]:
    """File name -> PNG and PDF of each figure that has something to show."""
    # here, not above: a mistyped NAME need not wait for matplotlib
    from dropgrid.reports import (
        figure,
        figure_cam,
        figure_contrasts,
        figure_curves,
        figure_diagnosis,
        figure_ensemble,
        figure_filters,
        figure_levels,
        figure_lines,
        figure_robustness,
        figure_shift,
        figure_spread,
        figure_treatment,
        figure_weights,
        plotting,
    )

    drawn = {
        "figure": figure.draw(table) if any(row.accuracies for row in table.rows) else None,
        "figure_lines": figure_lines.draw(table),
        "figure_contrasts": figure_contrasts.draw(table),
        "figure_ensemble": figure_ensemble.draw(table),
        "figure_curves": figure_curves.draw(table),
        "figure_spread": figure_spread.draw(table),
        "figure_robustness": figure_robustness.draw(table),
        "figure_levels": figure_levels.draw(table),
        "figure_cam": figure_cam.draw(table),
        "figure_filters": figure_filters.draw(table),
        "figure_weights": figure_weights.draw(table),
        "figure_shift": figure_shift.draw(table),
        "figure_treatment": figure_treatment.draw(table),
        **figure_diagnosis.draw(table),
    }
    there = {name: each for name, each in drawn.items() if each is not None}
    return {
        f"{name}.{kind}": make(each)
        for name, each in there.items()
        for kind, make in (("png", plotting.png), ("pdf", plotting.pdf))
    }


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
    for path in given.imports:
        imported.remember(path, read(name, given.outputs), given.outputs / "ablations" / name)
    for file in given.forget:
        imported.forget(file, given.outputs / "ablations" / name)
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
        raise UserError(f"a report is of one NAME, got {len(given)} names: {' '.join(given)}")
    known = names(outputs)
    there = f"NAME is one of: {', '.join(known)}" if known else f"none was run yet in {outputs}"
    raise UserError(f"of which ablation? {there}; usage: python scripts/report.py NAME [paths.outputs=DIR]")
