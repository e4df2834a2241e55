"""Upload runs that were logged offline."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.store.cell import Cell
from dropgrid.store.layout import Outputs

EMPTY = 7
"""Bytes of a file whose run was killed before it wrote anything: `wandb sync` would fail on it."""


def pending_folders(cells: Sequence[Cell], outputs: Path) -> list[Path]:
    """Return each cell's last offline folder that is not uploaded yet, in the order of their start.

    Only the last one that is not empty: a run that continues from a checkpoint logs the earlier rows again, and
    uploading both would duplicate them. Folders of cells that still train are skipped.
    """
    newest: dict[str, Path] = {}
    for folder in sorted(Outputs(outputs).wandb.glob("offline-run-*-*")):  # the names begin with the time
        id = folder.name.rpartition("-")[2]
        log = folder / f"run-{id}.wandb"
        if log.exists() and log.stat().st_size > EMPTY:
            newest[id] = folder
    ended = {cell.id for cell in cells if cell.status != "running"}
    return sorted(folder for id, folder in newest.items() if id in ended and not is_uploaded(folder))


def is_uploaded(folder: Path) -> bool:
    """Predicate: W&B's client has marked a folder as uploaded."""
    return any(folder.glob("run-*.wandb.synced"))


def upload_folders(folders: Sequence[Path], *, project: str, entity: str | None) -> None:
    """Upload folders with W&B's client, which shows progress but does not always report what it could not upload.

    Raises:
        UserError: not every run was uploaded.
    """
    place = ["--project", project, *(["--entity", entity] if entity else [])]
    logs = {**os.environ, "WANDB_DIR": str(folders[0].parent.parent)}
    line = [sys.executable, "-m", "wandb", "sync", *place, *map(str, folders)]
    done = subprocess.run(line, check=False, env=logs)
    left = [folder for folder in folders if not is_uploaded(folder)]
    if done.returncode or left:
        raise UserError(
            f"W&B took {len(folders) - len(left)} of {len(folders)} runs; nothing here is lost, run the command again"
        )
