"""Where a cell stands, from its folder alone."""

from pathlib import Path

from dropgrid.store.checkpoints import checkpoints
from dropgrid.store.lease import holder

STATUSES = ("finished", "running", "failed", "interrupted", "pending")


def status(folder: Path) -> str:
    """`finished`; `running` under a live supervisor, here or elsewhere; `failed`; `interrupted` with something to go on
    from; else `pending`."""
    if (folder / "result.json").exists():
        return "finished"
    if holder(folder) is not None:
        return "running"
    if (folder / "failure.json").exists():
        return "failed"
    return "interrupted" if checkpoints(folder) or (folder / "state.json").exists() else "pending"
