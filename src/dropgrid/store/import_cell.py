"""One cell from another outputs folder: whole, or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.files import write_atomically
from dropgrid.store import schemas
from dropgrid.store.lease import Lease, holder
from dropgrid.store.records import aside

LEFT_THERE = shutil.ignore_patterns("lease", "state.json", "failure.json", "checkpoints", ".*")
"""What a finished cell does without."""

BUSY = "being trained here; merge again when it has ended"


def unlike(ours: Path, theirs: Path) -> str:
    """How two finished folders of the same cell differ in what was trained; empty where they do not."""
    one, other = (schemas.read(each / "result.json", schemas.RESULT) for each in (ours, theirs))
    if one.get("weights") == other.get("weights"):
        return ""
    return f"has other weights here ({made(one)}) than there ({made(other)}): ours is kept"


def made(result: Mapping[str, Any]) -> str:
    """Where and by what a cell was trained."""
    about = result.get("provenance") or {}
    return ", ".join(f"{key} {about.get(key, 'unknown')}" for key in ("host", "device", "source"))


def evaluations(theirs: Path, ours: Path, yes: bool) -> int:
    """Bring the evaluations of a cell that ours lacks; how many."""
    found = [each for each in sorted(theirs.glob("evaluations/*")) if plain(each)]
    lacking = [each for each in found if not (ours / "evaluations" / each.name).exists()]
    lacking.sort(key=lambda each: each.suffix == ".json")  # a result comes after its arrays
    for each in lacking if yes else []:
        write_atomically(ours / "evaluations" / each.name, partial(shutil.copyfile, each))
    return len(lacking)


def plain(path: Path) -> bool:
    """Whether a path is a file, neither hidden nor a link."""
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def bring(theirs: Path, ours: Path, yes: bool) -> str:
    """Copy a finished cell to where ours would be, and put aside one of ours that is not finished; why not."""
    if not yes:
        return BUSY if holder(ours) else ""
    lease = Lease(ours)
    if ours.exists() and not lease.acquire():
        return BUSY
    try:
        return replace(theirs, ours)
    finally:
        lease.release()


def replace(theirs: Path, ours: Path) -> str:
    """Under the lease of ours: copy beside it, then rename. The copy has a lease, so that nobody cleans it away."""
    ours.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=ours.parent, prefix=f".{ours.name}.merging."))
    lease = Lease(beside)
    try:
        lease.acquire()
        copy(theirs, beside)
        if (ours / "result.json").exists():
            return "finished here meanwhile; merge again to compare them"
        if ours.exists():
            aside(ours)
        beside.rename(ours)
        lease.path = ours / lease.path.name
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return BUSY
        raise
    finally:
        lease.release()
        shutil.rmtree(beside, ignore_errors=True)
    return ""


def copy(theirs: Path, target: Path) -> None:
    """A folder's files, durably; a link, which no cell has, could lead to any file of this machine."""
    for place, folders, files in os.walk(theirs):
        for name in (*folders, *files):
            if os.path.islink(os.path.join(place, name)):
                raise UserError(f"{os.path.join(place, name)} is a link, which no cell has; nothing of it was merged")
    try:
        shutil.copytree(theirs, target, ignore=LEFT_THERE, copy_function=durably, dirs_exist_ok=True)
    except shutil.Error as error:  # it gathers them: one says enough
        source, _, why = error.args[0][0]
        raise UserError(f"cannot copy {source}: {why}; nothing of this cell was merged") from error


def durably(source: str, target: str) -> str:
    """Copy a file so that a power cut leaves it whole."""
    shutil.copy2(source, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    return target
