"""The table on a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from dropgrid.reports.columns import Column, columns
from dropgrid.reports.notes import notes
from dropgrid.reports.statistics import ABOVE, BELOW
from dropgrid.reports.table import Row, Table

COLOURS = {ABOVE: "green", BELOW: "red"}


class Terminal:
    """A table as a rich renderable; where it is too narrow, the lesser columns are left out and named."""

    def __init__(self, table: Table):
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, left_out = columns(self.table), []
        blocks = self.drawn(shown)
        while max(console.measure(each).maximum for each in blocks) > options.max_width:
            least = max(shown, key=lambda column: column.rank)
            if least.rank == 0:
                break
            shown.remove(least)
            left_out.append(least.heading.partition(":")[0])
            blocks = self.drawn(shown)
        yield Text(self.table.question, style="bold")
        for (block, _), drawn in zip(self.table.blocks, blocks, strict=True):
            if block.factors:
                yield Text(f"\n{block.label}", style="italic")
            yield drawn
        for note in notes(self.table):
            yield bullet(note)
        if left_out:
            yield bullet(f"Left out on this narrow terminal: {', '.join(left_out)}.")

    def drawn(self, shown: Sequence[Column]) -> list[RichTable]:
        """A rich table for each block."""
        return [rich_table(shown, rows) for _, rows in self.table.blocks]


def rich_table(shown: Sequence[Column], rows: Sequence[Row]) -> RichTable:
    """One block; the baseline in bold, units under the headings."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in shown:
        heading = Text(column.heading.replace(": ", "\n"))
        heading.append(f"\n{column.unit}" if column.unit else "", style="dim")
        table.add_column(heading, justify="left" if column.left else "right", vertical="bottom", no_wrap=bool(column.unit))
    for row in rows:
        style = "bold" if row.baseline else COLOURS.get(row.verdict or "", "dim" if row.withheld else "")
        texts = [Text(column.text(row)) for column in shown]
        texts[-1].stylize(style)
        table.add_row(*texts, style="bold" if row.baseline else "")
    return table


def bullet(text: str) -> RenderableType:
    """A note, hanging under its bullet."""
    grid = RichTable.grid(padding=(0, 1))
    grid.add_row(Text("•", style="dim"), Text(text, style="dim"))
    return Group(grid)


def plain(table: Table, width: int = 160) -> str:
    """The table as plain text."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(Terminal(table))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
