"""Text and tables that commands print: coloured on a terminal, uncoloured and never wrapped elsewhere."""

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dropgrid import json_output
from dropgrid.commands import terminal

if TYPE_CHECKING:
    from dropgrid.reports.report import Report

WIDE = 10_000
"""Characters per line if the output is not a terminal: more than any line has."""

NOTHING = "–"


def show(*parts: RenderableType) -> None:
    """Print texts and tables, one below the other; only the terminal wraps texts, so that they can be copied."""
    console = terminal()
    texts = [Text(part) if isinstance(part, str) else part for part in parts]  # a [word] in a text is not markup
    if console.is_terminal:
        for part in texts:
            console.print(part, soft_wrap=isinstance(part, Text))
        return
    wide = terminal(width=WIDE, color_system=None, force_terminal=False, legacy_windows=False)
    with wide.capture() as capture:
        for part in texts:
            wide.print(part, soft_wrap=isinstance(part, Text))
    for line in capture.get().splitlines():
        print(line.rstrip())


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str | Text]], left: Collection[int] = (0,)
) -> RenderableType:
    """Return a table with dim headings; columns whose index is in `left` are left-aligned, the others right-aligned."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for index, heading in enumerate(headings):
        made.add_column(heading, justify="left" if index in left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(each if isinstance(each, Text) else Text(each) for each in row))
    return Padding(made, (0, 0, 0, 2), expand=False)


def count(number: int, style: str = "") -> Text:
    """Return a number in a style; a dim dash for 0."""
    return Text(str(number), style=style) if number else Text(NOTHING, style="dim")


def cells(number: int) -> str:
    """Return a count of cells: `1 cell`, `2 cells`."""
    return f"{number} cell{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Return bytes with a unit: `45.1 MB`."""
    if not number:
        return NOTHING
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 99.95 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def ago(seconds: float) -> str:
    """Return a past time: `3 min ago`."""
    for span, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * span:
            return f"{seconds / span:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def print_report(report: "Report", evaluations: Sequence[str] = (), *, wide: bool = False) -> str:
    """Print a table as wide as the terminal, below it the evaluations that it has no room for, and the paths; return
    what was printed. `wide` prints all columns. With --json the table goes into the object, all of it.
    """
    if json_output.wanted():
        from dropgrid.reports.formats.json import values

        about = {"name": report.table.ablation.name, "table": values(report.table), "files": report.paths}
        json_output.add("tables", about)
        return ""
    from dropgrid.reports.columns import separate_evaluations
    from dropgrid.reports.formats.evaluation_lines import evaluation_tables
    from dropgrid.reports.formats.terminal import PIPE_WIDTH, plain_text

    console = terminal() if sys.stdout.isatty() else terminal(width=PIPE_WIDTH)
    if wide:
        console.width = max(console.width, report.renderable.full_width)
    with console.capture() as captured:
        if console.is_terminal:
            console.print(report.renderable)
        else:
            console.print(plain_text(report.table, console.width), soft_wrap=True)
        shown = separate_evaluations(report.table.rows)  # with the table
        for name in dict.fromkeys(each for each in evaluations if each not in shown):
            for each in evaluation_tables(report.table, name):
                console.print(each)
        for path in report.paths:
            console.print(str(path), soft_wrap=True)
    sys.stdout.write(captured.get())
    return captured.get()
