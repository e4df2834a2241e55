"""Import a cell from another outputs folder: all of it, or nothing."""

import errno
import os
import secrets
import shutil
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.files import copy_file, make_folder, move, sync_folder
from dropgrid.store.evaluations import results
from dropgrid.store.layout import LEFT_BEHIND, RunFolder
from dropgrid.store.lease import Lease, holder
from dropgrid.store.records import Result, is_finished, put_aside, read_result

BUSY = "being trained here; merge again when it has ended"


def unlike(ours: Path, theirs: Path) -> str:
    """Return how two finished folders of the same cell differ in what was trained; empty if they do not."""
    one, other = (read_result(RunFolder(each)) or {} for each in (ours, theirs))
    if one.get("weights") == other.get("weights"):
        return ""
    return f"has other weights here ({trained_by(one)}) than there ({trained_by(other)}): ours is kept"


def trained_by(result: Result) -> str:
    """Return where and by what a cell was trained, in words."""
    about = result.get("provenance") or {}
    return ", ".join(f"{key} {about.get(key, 'unknown')}" for key in ("host", "device", "source"))


def import_evaluations(theirs: Path, ours: Path, yes: bool) -> int:
    """Copy the evaluations of a cell that ours lacks, if `yes`; return how many files they are."""
    place, source = RunFolder(ours).evaluations, RunFolder(theirs)
    if source.evaluations.is_symlink():
        raise UserError(f"{source.evaluations} is a link, which no cell has; nothing of it was merged")
    measured = [path for path in results(source) if not (place / path.name).exists()]  # of this cell, by the schema
    lacking = [each for path in measured for each in (path.with_suffix(".npz"), path)]  # a result after its arrays
    lacking = [each for each in lacking if each.is_file() and not each.is_symlink()]
    for each in lacking if yes else []:
        copy_file(each, place / each.name)
    return len(lacking)


def import_cell(theirs: Path, ours: Path, yes: bool) -> str:
    """Copy a finished cell to where ours would be, if `yes`, and put aside one of ours that is not finished.

    Returns:
        Why it cannot be copied; empty if it can.
    """
    if not yes:
        return BUSY if holder(ours) else ""
    lease = Lease(ours)
    if ours.exists() and not lease.acquire():
        return BUSY
    try:
        return import_under_lease(theirs, ours, lease)
    finally:
        lease.release()


def import_under_lease(theirs: Path, ours: Path, held: Lease) -> str:
    """Copy beside ours, whose lease is held, then rename. The copy has a lease, so that nobody cleans it away."""
    beside = ours.parent / f".{ours.name}.merging.{secrets.token_hex(6)}"
    make_folder(beside)
    lease = Lease(beside)
    try:
        lease.acquire()
        copy_files(theirs, beside)
        if is_finished(RunFolder(ours)):
            return "finished here meanwhile; merge again to compare them"
        if ours.exists():
            held.moved(put_aside(ours))
        move(beside, ours)
        lease.moved(ours)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return BUSY
        raise
    finally:
        lease.release()
        shutil.rmtree(beside, ignore_errors=True)
    return ""


def copy_files(theirs: Path, target: Path) -> None:
    """Copy a folder's files, durably; a link, which no cell has, could lead to any file of this machine.

    In the folder of a training of one's own all is its own, by whatever name; of links there, only they are left out.
    """
    own = str(RunFolder(theirs).own)
    for place, folders, files in os.walk(theirs):
        folders[:] = [name for name in folders if os.path.join(place, name) != own or os.path.islink(own)]
        for name in (*folders, *files):
            if os.path.islink(os.path.join(place, name)):
                raise UserError(f"{os.path.join(place, name)} is a link, which no cell has; nothing of it was merged")
    for place, folders, files in os.walk(theirs):
        inside = place == own or place.startswith(own + os.sep)
        folders[:] = [name for name in folders if inside or is_imported(name)]
        there = target / Path(place).relative_to(theirs)
        make_folder(there)
        for name in files:
            if os.path.islink(os.path.join(place, name)) or not (inside or is_imported(name)):
                continue
            try:
                copy_file(Path(place, name), there / name)
            except (OSError, UserError) as error:
                why = getattr(error, "strerror", None) or error
                raise UserError(f"cannot copy {Path(place, name)}: {why}; nothing of this cell was merged") from error
        sync_folder(there)


def is_imported(name: str) -> bool:
    """Predicate: a finished cell needs the file of that name in its folder."""
    return name not in (*LEFT_BEHIND, "failure.json") and not name.startswith(".")
