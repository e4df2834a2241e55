"""Cells trained with another logger, sent to W&B from their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dropgrid.loggers.summary import summary
from dropgrid.loggers.wandb import Membership, Wandb
from dropgrid.measure.cell_figures import pictures_of
from dropgrid.store.cell import Cell
from dropgrid.store.files import read_csv
from dropgrid.store.layout import RunFolder

ENDED = ("finished", "failed")
"""States of a cell that can be sent: the others are still being written, or have nothing."""


def send(cell: Cell, name: str, member: Sequence[Membership], options: Mapping[str, Any]) -> str:
    """One cell through the logger, as if it trained now: `sent`; `there` where W&B has it whole; `failed`.

    Args:
        cell: finished or failed.
        name: the run's.
        member: its memberships, the one that first trained it in front.
        options: the logger's own: project, entity, mode, timeout, weights.
    """
    (ablation, row), *also = member
    about = {"id": cell.id, "name": name, "ablation": ablation, "row": row, "config": cell.config, "also": also}
    logger = Wandb(folder=cell.folder, cell=about, **options)
    if logger.whole:
        logger.leave()
        return "there"
    logger.resume(history(cell.folder))
    if cell.result is not None:
        for picture, png in pictures(cell, name).items():
            logger.picture(picture, png)
    logger.close(summary(cell.result) if cell.result is not None else None)
    return "failed" if logger.failed else "sent"


def history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of metrics.csv; what was not measured in one is left out."""
    rows = read_csv(RunFolder(folder).metrics)
    lines = [{key: float(value) for key, value in row.items() if value} for row in rows]
    return [{**line, "epoch": int(line["epoch"]), "step": int(line["step"])} for line in lines]


def pictures(cell: Cell, name: str) -> dict[str, bytes]:
    """Those of a finished cell, with examples where its data are at hand."""
    from dropgrid import build

    try:
        source = build.source(cell.config, cell.local)
        return pictures_of(cell.folder, name, source.spec().classes, source.load().test)
    except (ValueError, OSError):  # the data lie elsewhere
        return pictures_of(cell.folder, name, None, None)


def members(cell: Cell, name: str, named: Sequence[tuple[str, Cell]]) -> list[Membership]:
    """A cell's ablations and rows, that which first trained it in front, else `name`'s."""
    found = list(dict.fromkeys((ablation, each.row) for ablation, each in named))
    first = cell.found("provenance").get("ablation") or name
    return sorted(found, key=lambda each: each[0] != first)
