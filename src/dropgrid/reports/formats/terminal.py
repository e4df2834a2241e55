"""The table on a terminal."""

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from dropgrid.commands import terminal
from dropgrid.reports.columns import Column, format_difference, format_verdict, separate_evaluations, table_columns
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats.evaluation_lines import evaluation_tables
from dropgrid.reports.question import question_sections
from dropgrid.reports.section import Section
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import EQUAL

COLOURS = {True: "green", False: "red"}
"""Whether a verdict is an improvement -> its colour."""

GAP = 3
"""Between columns, in characters."""

PIPE_WIDTH = 180
"""Characters a line if the output is not a terminal."""

HEADING = 11
"""A heading is not broken into lines shorter than this."""


class Terminal:
    """A table as a rich renderable; if the terminal is too narrow, lesser columns are left out and named."""

    def __init__(self, table: Table):
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, left_out = table_columns(self.table), []
        while (least := max(shown, key=lambda column: column.rank)).rank and self.width(shown) > options.max_width:
            shown.remove(least)
            left_out.append(least.heading.partition(":")[0])
        yield Text(self.table.question, style="bold")
        for block, rows in self.table.blocks:
            if block.factors:
                yield Text(f"\n{block.label}", style="italic")
            yield rich_table(shown, rows)
        for note in table_notes(self.table):
            yield format_bullet(note)
        for section in [each for each in question_sections(self.table) if each.brief]:
            yield small_table(section)
            yield format_bullet(section.note)
        for evaluation in separate_evaluations(self.table.rows):
            yield from evaluation_tables(self.table, evaluation)
        if left_out:
            yield format_bullet(f"Left out on this narrow terminal: {', '.join(left_out)}; report.html has all.")

    @property
    def full_width(self) -> int:
        """The number of characters that all columns need."""
        return self.width(table_columns(self.table))

    def width(self, shown: Sequence[Column]) -> int:
        """Return the number of characters that the widest block needs."""
        return max(sum(column_width(column, rows) + GAP for column in shown) - 1 for _, rows in self.table.blocks)


def column_width(column: Column, rows: Sequence[Row]) -> int:
    """Return the width of a column's widest text, or of the longest word of its heading."""
    heading = textwrap.wrap(column.heading, HEADING, break_long_words=False)
    return max(len(text) for text in (column.unit, *heading, *(column.text(row) for row in rows)))


def rich_table(shown: Sequence[Column], rows: Sequence[Row]) -> RichTable:
    """Return one block: headings wrapped to their columns, units under them, the baseline in bold."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in shown:
        heading = Text("\n".join(textwrap.wrap(column.heading, column_width(column, rows))))
        heading.append(f"\n{column.unit}" if column.unit else "", style="dim")
        table.add_column(heading, justify="left" if column.left else "right", vertical="bottom", overflow="fold")
    for row in rows:
        texts = [Text(column.text(row)) for column in shown]
        for column, text in zip(shown, texts, strict=True):
            if column.text in (format_difference, format_verdict):
                text.stylize(verdict_style(row))
        table.add_row(*texts, style="bold" if row.baseline else "")
    return table


def verdict_style(row: Row) -> str:
    """Return the style of a row's difference and verdict."""
    if row.improves is not None:
        return COLOURS[row.improves]
    return "blue" if row.verdict == EQUAL else "dim" if row.withheld else ""


def small_table(section: Section) -> RichTable:
    """Return a section as a table below the table."""
    first, *others = section.lines
    table = RichTable(title=Text(section.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(first):
        left = index < section.left
        table.add_column(Text(heading), justify="left" if left else "right", vertical="bottom", overflow="fold")
    for line in others:
        table.add_row(*map(Text, line))
    return table


def format_bullet(text: str) -> RenderableType:
    """Return a note with a hanging indent."""
    grid = RichTable.grid(padding=(0, 1))
    grid.add_row(Text("•", style="dim"), Text(text, style="dim"))
    return Group(grid)


def plain_text(table: Table, width: int = PIPE_WIDTH) -> str:
    """Return the table as plain text."""
    console = terminal(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(Terminal(table))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
