"""figure_diagnosis_X.png: a diagnostic X recorded during training, for each row's first seed."""

from matplotlib.figure import Figure

from dropgrid.measure.recorded_figures import draw_recorded_figures
from dropgrid.reports.table import Table

ORDER = 160
CAPTION = {
    "figure_diagnosis_gradient": "Loss and gradient along the gradient, over training",
    "figure_diagnosis_hessian": "Both ends of the Hessian",
    "figure_diagnosis_inputs": "What reaches a unit over training, and the drift of batch norm's statistics",
    "figure_diagnosis_jacobian": "Singular values of the input–output Jacobian",
    "figure_diagnosis_landscape": "Slices of the loss landscape",
    "figure_diagnosis_signal": "The signal by depth, forward and backward",
    "figure_diagnosis_weights_by_depth": "Weight norms by depth",
    "hessian": "Eigenvalues of the Hessian",
}
"""File stem -> caption."""


def draw(table: Table) -> dict[str, Figure]:
    """Return `figure_diagnosis_X` -> figure; empty if no cell recorded anything."""
    folders = {}
    for block, _ in table.blocks:
        for row, cells in block.rows.items():
            finished = [cell for cell in cells if cell.status == "finished"]
            if finished:
                first = min(finished, key=lambda cell: cell.seed)
                folders[f"{row} ({block.label})" if block.factors else row] = first.folder
    return {f"figure_diagnosis_{name}": figure for name, figure in draw_recorded_figures(folders).items()}
