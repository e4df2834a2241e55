"""Send cells that trained with another logger to W&B, from their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.data.split import Split
from dropgrid.errors import UserError
from dropgrid.loggers.summary import summarize_result
from dropgrid.loggers.wandb import Membership, Wandb
from dropgrid.measure.cell_figures import show_cell
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_csv
from dropgrid.store.layout import RunFolder

ENDED = ("finished", "failed")
"""Statuses of cells that can be sent; the others are still written, or have nothing."""


def send_cell(cell: Cell, name: str, member: Sequence[Membership], options: Mapping[str, Any]) -> str:
    """Send a cell through the logger, as if it trained now; return `sent`, `there` if W&B has all of it, or `failed`.

    Args:
        cell: finished or failed.
        name: of the run.
        member: the cell's memberships, first the one that trained it.
        options: of the logger: project, entity, mode, timeout, weights.
    """
    (ablation, row), *also = member
    about = {"id": cell.id, "name": name, "ablation": ablation, "row": row, "config": cell.config, "also": also}
    logger = Wandb(folder=cell.folder, cell=about, **options)
    if logger.complete:
        logger.leave()
        return "there"
    logger.resume(read_history(cell.folder))
    if cell.result is not None:
        show_cell([logger], cell.folder, name, *examples_of_cell(cell))
    logger.close(summarize_result(cell.result) if cell.result is not None else None)
    return "failed" if logger.failed else "sent"


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of metrics.csv without their empty values."""
    rows = read_csv(RunFolder(folder).metrics)
    lines = [{key: float(value) for key, value in row.items() if value} for row in rows]
    return [{**line, "epoch": int(line["epoch"]), "step": int(line["step"])} for line in lines]


def examples_of_cell(cell: Cell) -> tuple[Sequence[str] | None, Split | None]:
    """Return the names of a cell's classes and its test images, if its data are available."""
    from dropgrid import build

    try:
        source = build.planned(cell.config, cell.local)
        return source.spec().classes, source.load().test
    except (ValueError, OSError, UserError):  # the data are on another machine, or no longer what they were
        return None, None


def cell_memberships(cell: Cell, name: str, named: Sequence[tuple[str, Cell]]) -> list[Membership]:
    """Return a cell's ablations and rows, first the ablation that trained it, else `name`."""
    found = list(dict.fromkeys((ablation, each.row) for ablation, each in named))
    first = cell.found("provenance").get("ablation") or name
    return sorted(found, key=lambda each: each[0] != first)
