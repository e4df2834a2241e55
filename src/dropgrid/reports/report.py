"""From finished cells to table, figures and page."""

from dataclasses import dataclass
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.reports import comparability, external_results
from dropgrid.reports.figure_index import CAPTIONS
from dropgrid.reports.formats import formats
from dropgrid.reports.formats.terminal import Terminal, plain
from dropgrid.reports.table import Table, tabulate
from dropgrid.store.ablation import read
from dropgrid.store.files import write as write_file
from dropgrid.store.layout import Outputs

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
    comparability.check(ablation)
    place = Outputs(Path(outputs)).ablation(name)
    folder = place.folder
    if folder.is_symlink():
        raise UserError(f"{folder} is a link: a report is written into a folder of its own")
    table = external_results.added(tabulate(ablation), folder)
    pictures = draw(table)
    from dropgrid.reports.formats import page

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
    for path in [*place.figures("png"), *place.figures("pdf")]:
        if path.stem in CAPTIONS and path.name not in contents:
            path.unlink()
    return Report(table, [folder / file for file in contents])


def draw(table: Table) -> dict[str, bytes]:
    """File name -> PNG and PDF of each figure that has something to show."""
    # here, not above: a mistyped NAME need not wait for matplotlib
    from dropgrid.plotting import style
    from dropgrid.reports.figures import (
        accuracy,
        cam,
        contrasts,
        curves,
        diagnosis,
        ensemble,
        filters,
        levels,
        lines,
        robustness,
        shift,
        spread,
        treatment,
        weights,
    )

    drawn = {
        "figure": accuracy.draw(table) if any(row.accuracies for row in table.rows) else None,
        "figure_lines": lines.draw(table),
        "figure_contrasts": contrasts.draw(table),
        "figure_ensemble": ensemble.draw(table),
        "figure_curves": curves.draw(table),
        "figure_spread": spread.draw(table),
        "figure_robustness": robustness.draw(table),
        "figure_levels": levels.draw(table),
        "figure_cam": cam.draw(table),
        "figure_filters": filters.draw(table),
        "figure_weights": weights.draw(table),
        "figure_shift": shift.draw(table),
        "figure_treatment": treatment.draw(table),
        **diagnosis.draw(table),
    }
    there = {name: each for name, each in drawn.items() if each is not None}
    return {
        f"{name}.{kind}": make(each)
        for name, each in there.items()
        for kind, make in (("png", style.png), ("pdf", style.pdf))
    }
