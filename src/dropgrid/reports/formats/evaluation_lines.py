"""One evaluation on a terminal: a line a metric, however many there are."""

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from dropgrid.reports.columns import evaluations
from dropgrid.reports.table import Table


def listing(table: Table, evaluation: str) -> list[RichTable]:
    """For each block the metrics of an evaluation, with the block's rows as columns."""
    found = []
    for block, rows in table.blocks:
        title = f"{evaluation} ({block.label})" if block.factors else evaluation
        shown = RichTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        shown.add_column()
        for row in rows:
            shown.add_column(Text(row.name), justify="right", vertical="bottom", overflow="fold")
        for column in evaluations(rows, [evaluation]):
            shown.add_row(Text(column.full), *(Text(column.text(row)) for row in rows))
        if shown.row_count:
            found.append(shown)
    return found
