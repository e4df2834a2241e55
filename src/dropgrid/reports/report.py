"""Write an ablation's table, figures and page from its finished cells."""

from dataclasses import dataclass
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.reports import comparability, external_results
from dropgrid.reports.formats import csv, json, latex, markdown
from dropgrid.reports.formats.terminal import Terminal, plain_text
from dropgrid.reports.table import Table, tabulate
from dropgrid.store.ablation import read
from dropgrid.store.files import write as write_file
from dropgrid.store.layout import AblationFolder, Outputs


@dataclass(frozen=True)
class Report:
    """The paths that `write_report` wrote, in reading order, and the table to print."""

    table: Table
    paths: list[Path]

    @property
    def renderable(self) -> Terminal:
        """The table for a rich console."""
        return Terminal(self.table)

    @property
    def text(self) -> str:
        """The table as plain text."""
        return plain_text(self.table)


def write_report(name: str, outputs: Path | str) -> Report:
    """Write table.{md,csv,tex,json}, figure*.{png,pdf} and report.html of an ablation, from its finished cells.

    Every file is replaced atomically; figures of earlier reports that are no longer drawn are removed.

    Raises:
        UserError: there is no such ablation, a file cannot be read or written, or the rows are not comparable.
    """
    folder = Outputs(Path(outputs)).ablation(name).folder
    table = build_table(name, outputs)
    if folder.is_symlink():
        raise UserError(f"{folder} is a link: a report is written into a folder of its own")
    return Report(table, write_table(table, folder))


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write a table's files and figures into a folder; return their paths."""
    images = render_figures(table)
    from dropgrid.reports.figure_index import figure_captions  # here: it imports matplotlib
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
    ours, place = figure_captions(table.ablation.task), AblationFolder(folder)
    for path in [*place.figures("png"), *place.figures("pdf")]:
        if path.stem in ours and path.name not in contents:
            path.unlink()
    return [folder / file for file in contents]


def build_table(name: str, outputs: Path | str) -> Table:
    """Return the table of an ablation's cells, with imported rows; raises UserError as `write_report` does."""
    ablation = read(name, outputs)
    comparability.check_comparable(ablation)
    return external_results.add_imported_rows(tabulate(ablation), Outputs(Path(outputs)).ablation(name).folder)


def render_figures(table: Table) -> dict[str, bytes]:
    """Return file name -> PNG or PDF of each figure that has something to show."""
    # here, not above: a mistyped NAME need not wait for matplotlib
    from dropgrid.plotting import style
    from dropgrid.reports import figure_index

    return {
        f"{name}.{kind}": make(each)
        for name, each in figure_index.draw_figures(table).items()
        for kind, make in (("png", style.png), ("pdf", style.pdf))
    }
