"""One evaluation as a table on the terminal, one line per metric."""

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from dropgrid.reports.columns import evaluation_columns
from dropgrid.reports.table import Table


def evaluation_tables(table: Table, evaluation: str) -> list[RichTable]:
    """Return an evaluation's metrics as a table for each block, with the rows as columns."""
    found = []
    for block, rows in table.blocks:
        title = f"{evaluation} ({block.label})" if block.factors else evaluation
        shown = RichTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        shown.add_column()
        for row in rows:
            shown.add_column(Text(row.name), justify="right", vertical="bottom", overflow="fold")
        for column in evaluation_columns(rows, [evaluation]):
            shown.add_row(Text(column.full), *(Text(column.text(row)) for row in rows))
        if shown.row_count:
            found.append(shown)
    return found
