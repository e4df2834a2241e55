"""The status of a cell, from its folder alone."""

from pathlib import Path

from dropgrid.store.checkpoints import checkpoints
from dropgrid.store.layout import RunFolder
from dropgrid.store.lease import holder
from dropgrid.store.records import is_finished

STATUSES = ("finished", "running", "failed", "interrupted", "pending")


def status(folder: Path) -> str:
    """Return `finished`; `running` under a live supervisor, here or on another machine; `failed`; `interrupted` if
    there is something to continue from; else `pending`."""
    run = RunFolder(folder)
    if is_finished(run):
        return "finished"
    if holder(folder) is not None:
        return "running"
    if run.failure.exists() or run.result.exists():  # a damaged result
        return "failed"
    return "interrupted" if checkpoints(folder) or run.state.exists() else "pending"
