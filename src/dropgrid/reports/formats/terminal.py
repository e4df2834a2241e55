"""The table on a terminal."""

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from dropgrid.reports.columns import Column, columns, difference, separate_evaluations, verdict
from dropgrid.reports.footnotes import notes
from dropgrid.reports.formats.evaluation_lines import listing
from dropgrid.reports.question import sections
from dropgrid.reports.section import Section
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import ABOVE, BELOW

COLOURS = {ABOVE: "green", BELOW: "red"}
GAP = 3
"""Between columns, in characters."""

HEADING = 11
"""A heading is not broken into lines shorter than this."""


class Terminal:
    """A table as a rich renderable; where it is too narrow, the lesser columns are left out and named."""

    def __init__(self, table: Table):
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, left_out = columns(self.table), []
        while (least := max(shown, key=lambda column: column.rank)).rank and self.width(shown) > options.max_width:
            shown.remove(least)
            left_out.append(least.heading.partition(":")[0])
        yield Text(self.table.question, style="bold")
        for block, rows in self.table.blocks:
            if block.factors:
                yield Text(f"\n{block.label}", style="italic")
            yield rich_table(shown, rows)
        for note in notes(self.table):
            yield bullet(note)
        for section in [each for each in sections(self.table) if each.brief]:
            yield small_table(section)
            yield bullet(section.note)
        for evaluation in separate_evaluations(self.table.rows):
            yield from listing(self.table, evaluation)
        if left_out:
            yield bullet(f"Left out on this narrow terminal: {', '.join(left_out)}.")

    def width(self, shown: Sequence[Column]) -> int:
        """How many characters the widest block needs."""
        return max(sum(width(column, rows) + GAP for column in shown) - 1 for _, rows in self.table.blocks)


def width(column: Column, rows: Sequence[Row]) -> int:
    """A column's widest text, or word of its heading."""
    heading = textwrap.wrap(column.heading, HEADING, break_long_words=False)
    return max(len(text) for text in (column.unit, *heading, *(column.text(row) for row in rows)))


def rich_table(shown: Sequence[Column], rows: Sequence[Row]) -> RichTable:
    """One block: headings wrapped to their columns, units under them, the baseline in bold."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in shown:
        heading = Text("\n".join(textwrap.wrap(column.heading, width(column, rows))))
        heading.append(f"\n{column.unit}" if column.unit else "", style="dim")
        table.add_column(heading, justify="left" if column.left else "right", vertical="bottom", overflow="fold")
    for row in rows:
        texts = [Text(column.text(row)) for column in shown]
        for column, text in zip(shown, texts, strict=True):
            if column.text in (difference, verdict):
                text.stylize(COLOURS.get(row.verdict or "", "dim" if row.withheld else ""))
        table.add_row(*texts, style="bold" if row.baseline else "")
    return table


def small_table(section: Section) -> RichTable:
    """A table below the table."""
    first, *others = section.lines
    table = RichTable(title=Text(section.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(first):
        left = index < section.left
        table.add_column(Text(heading), justify="left" if left else "right", vertical="bottom", overflow="fold")
    for line in others:
        table.add_row(*map(Text, line))
    return table


def bullet(text: str) -> RenderableType:
    """A note, hanging under its bullet."""
    grid = RichTable.grid(padding=(0, 1))
    grid.add_row(Text("•", style="dim"), Text(text, style="dim"))
    return Group(grid)


def plain_text(table: Table, width: int = 160) -> str:
    """The table as plain text."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(Terminal(table))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
