"""Runs that were logged offline, uploaded."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.store.cell import Cell
from dropgrid.store.layout import Outputs

EMPTY = 7
"""Bytes of a file whose run was killed before anything was written: `wandb sync` would fail at it."""


def waiting(cells: Sequence[Cell], outputs: Path) -> list[Path]:
    """Each cell's last offline folder, those not uploaded yet, in the order in which they began.

    The last alone, of those that hold anything: a run that goes on from a checkpoint has logged what came before it
    too, and from both together the service would get rows twice. One whose cell still trains is left for later.
    """
    newest: dict[str, Path] = {}
    for folder in sorted(Outputs(outputs).wandb.glob("offline-run-*-*")):  # the names begin with the time
        id = folder.name.rpartition("-")[2]
        log = folder / f"run-{id}.wandb"
        if log.exists() and log.stat().st_size > EMPTY:
            newest[id] = folder
    ended = {cell.id for cell in cells if cell.status != "running"}
    return sorted(folder for id, folder in newest.items() if id in ended and not uploaded(folder))


def uploaded(folder: Path) -> bool:
    """Whether W&B's client has marked it so."""
    return any(folder.glob("run-*.wandb.synced"))


def upload(folders: Sequence[Path], *, project: str, entity: str | None) -> None:
    """All of them by W&B's own client, which shows how far it is; what it leaves undone it does not always say.

    Raises:
        UserError: one was not uploaded; those before it were.
    """
    place = ["--project", project, *(["--entity", entity] if entity else [])]
    logs = {**os.environ, "WANDB_DIR": str(folders[0].parent.parent)}
    line = [sys.executable, "-m", "wandb", "sync", *place, *map(str, folders)]
    done = subprocess.run(line, check=False, env=logs)
    left = [folder for folder in folders if not uploaded(folder)]
    if done.returncode or left:
        raise UserError(
            f"W&B took {len(folders) - len(left)} of {len(folders)} runs; nothing here is lost, run the command again"
        )
