"""The status of a cell, from its folder alone."""

from pathlib import Path

from dropgrid.store.checkpoints import checkpoints
from dropgrid.store.layout import RunFolder
from dropgrid.store.lease import holder

STATUSES = ("finished", "running", "failed", "interrupted", "pending")


def status(folder: Path) -> str:
    """Return `finished`; `running` under a live supervisor, here or on another machine; `failed`; `interrupted` if
    there is something to continue from; else `pending`."""
    run = RunFolder(folder)
    if run.finished:
        return "finished"
    if holder(folder) is not None:
        return "running"
    if run.failure.exists():
        return "failed"
    return "interrupted" if checkpoints(folder) or run.state.exists() else "pending"
