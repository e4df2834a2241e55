"""From finished cells to table, figures and page."""

from dataclasses import dataclass
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.reports import comparability, external_results
from dropgrid.reports.formats import csv, json, latex, markdown
from dropgrid.reports.formats.terminal import Terminal, plain_text
from dropgrid.reports.table import Table, tabulate
from dropgrid.store.ablation import read
from dropgrid.store.files import write as write_file
from dropgrid.store.layout import Outputs

PIPE_WIDTH = 180
"""Characters a line if the output is no terminal."""


@dataclass(frozen=True)
class Report:
    """The paths that `write` wrote, in the order to be read, and the table to print."""

    table: Table
    paths: list[Path]

    @property
    def renderable(self) -> Terminal:
        """The table for a rich console."""
        return Terminal(self.table)

    @property
    def text(self) -> str:
        """The table as plain text."""
        return plain_text(self.table, PIPE_WIDTH)


def write(name: str, outputs: Path | str) -> Report:
    """Write table.{md,csv,tex,json}, figure*.{png,pdf} and report.html of an ablation, from what is finished so far.

    Every file is replaced as a whole; one of our figures for which there is nothing to draw is removed.

    Raises:
        UserError: no such ablation, an unreadable or unwritable file, or rows that are not comparable.
    """
    ablation = read(name, outputs)
    comparability.check(ablation)
    place = Outputs(Path(outputs)).ablation(name)
    folder = place.folder
    if folder.is_symlink():
        raise UserError(f"{folder} is a link: a report is written into a folder of its own")
    table = external_results.added(tabulate(ablation), folder)
    images = draw(table)
    from dropgrid.reports.figure_index import captions  # here: it imports matplotlib
    from dropgrid.reports.formats import page

    contents: dict[str, str | bytes] = {
        "table.md": markdown.render(table),
        "table.csv": csv.render(table),
        "table.tex": latex.render(table),
        "table.json": json.render(table),
        **images,
        "report.html": page.render(table, {file: each for file, each in images.items() if file.endswith(".png")}),
    }
    for file, content in contents.items():
        write_file(folder / file, content)
    ours = captions(ablation.task)
    for path in [*place.figures("png"), *place.figures("pdf")]:
        if path.stem in ours and path.name not in contents:
            path.unlink()
    return Report(table, [folder / file for file in contents])


def draw(table: Table) -> dict[str, bytes]:
    """File name -> PNG and PDF of each figure that has something to show."""
    # here, not above: a mistyped NAME need not wait for matplotlib
    from dropgrid.plotting import style
    from dropgrid.reports import figure_index

    return {
        f"{name}.{kind}": make(each)
        for name, each in figure_index.draw(table).items()
        for kind, make in (("png", style.png), ("pdf", style.pdf))
    }
