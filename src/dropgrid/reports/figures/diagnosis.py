"""figure_diagnosis_X.png: what a diagnostic X recorded while the rows were trained, of each row its first seed."""

from matplotlib.figure import Figure

from dropgrid.measure.recorded_figures import pictures
from dropgrid.reports.table import Table


def draw(table: Table) -> dict[str, Figure]:
    """`figure_diagnosis_X` -> its picture; empty where no cell recorded anything."""
    folders = {}
    for block, _ in table.blocks:
        for row, cells in block.rows.items():
            finished = [cell for cell in cells if cell.status == "finished"]
            if finished:
                first = min(finished, key=lambda cell: cell.seed)
                folders[f"{row} ({block.label})" if block.factors else row] = first.folder
    return {f"figure_diagnosis_{name}": figure for name, figure in pictures(folders).items()}
