"""From finished cells to table, figures and page: `python scripts/report.py NAME [paths.outputs=DIR]`."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dropgrid.errors import UserError
from dropgrid.reports import formats, guard
from dropgrid.reports.cells import names, read
from dropgrid.reports.files import write as write_file
from dropgrid.reports.table import Table, tabulate
from dropgrid.reports.terminal import Terminal, plain

USAGE = "usage: python scripts/report.py NAME [paths.outputs=DIR]"
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


def write(name: str, outputs: Path | str = "outputs") -> Report:
    """Write table.{md,csv,tex,json}, figure*.png and report.html of an ablation, from what is finished so far.

    Every file is replaced as a whole; a figure for which there is nothing to draw is removed.

    Raises:
        UserError: no such ablation, an unreadable or unwritable file, or rows that are not comparable.
    """
    ablation = read(name, outputs)
    guard.check(ablation)
    table = tabulate(ablation)
    pictures = draw(table)
    from dropgrid.reports import page

    contents: dict[str, str | bytes] = {
        "table.md": formats.markdown(table),
        "table.csv": formats.as_csv(table),
        "table.tex": formats.latex(table),
        "table.json": formats.as_json(table),
        **pictures,
        "report.html": page.render(table, pictures),
    }
    folder = Path(outputs) / "ablations" / name
    for file, content in contents.items():
        write_file(folder / file, content)
    for path in folder.glob("figure*.png"):
        if path.name not in contents:
            path.unlink()
    return Report(table, [folder / file for file in contents])


def draw(table: Table) -> dict[str, bytes]:
    """File name -> PNG of each figure that has something to show."""
    # here, not above: a mistyped NAME need not wait for matplotlib
    from dropgrid.reports import figure, figure_curves, figure_treatment, plotting

    drawn = {
        "figure.png": figure.draw(table) if any(row.accuracies for row in table.rows) else None,
        "figure_curves.png": figure_curves.draw(table),
        "figure_treatment.png": figure_treatment.draw(table),
    }
    return {file: plotting.png(each) for file, each in drawn.items() if each is not None}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints the table and the paths; 2 and one line for what cannot work."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if any(each in ("-h", "--help") for each in arguments):
        print(f"{USAGE}\n\n{__doc__}")
        return 0
    try:
        name, outputs = parse(arguments)
        report = write(name, outputs)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if sys.stdout.isatty():
        Console().print(report.renderable)
    else:
        print(report.text)
    for path in report.paths:
        print(path)
    return 0


def parse(arguments: Sequence[str]) -> tuple[str, Path]:
    """NAME and the outputs folder."""
    place = "paths.outputs="
    outputs = Path(os.environ.get("DROPGRID_OUTPUTS", "outputs"))
    rest = []
    for each in arguments:
        if each.startswith(place):
            outputs = Path(each.removeprefix(place))
        else:
            rest.append(each)
    if len(rest) == 1:
        return rest[0], outputs
    if rest:
        raise UserError(f"{USAGE}\ngot {len(rest)} names: {' '.join(rest)}")
    known = names(outputs)
    raise UserError(
        f"{USAGE}\n" + (f"NAME is one of: {', '.join(known)}" if known else f"none was run yet in {outputs}")
    )
