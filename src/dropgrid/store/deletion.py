"""Removal of folders for `clean`, and of what a cell no longer needs: under its lease, and if nothing has changed."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dropgrid.files import move, refuse_links
from dropgrid.store.inventory import StoredRun, members, subfolders, tree
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.lease import Lease, holder, scratch_folders
from dropgrid.store.own_code import CurrentCode
from dropgrid.store.records import is_finished, read_provenance


@dataclass(frozen=True)
class Removal:
    """A folder to remove; `run` holds its lease (None: nobody trains it), `still` says whether it is still to go."""

    path: Path
    run: Path | None
    label: str
    why: str
    size: int
    still: Callable[[], bool]


def removals(flags: Sequence[str], found: Sequence[StoredRun], outputs: Path, chosen: set[str] | None) -> list[Removal]:
    """Return what the flags would remove, each folder once; the checkpoints of a cell that is removed go with it."""
    code = CurrentCode()
    made = []
    for each in found:
        removal = removal_of_cell(flags, each, outputs, code)
        run = RunFolder(each.folder)
        if removal is None and "checkpoints" in flags and each.checkpoints and has_ended(run):
            text = f"checkpoints of a {each.status} cell"
            still = partial(has_ended, run)
            removal = Removal(run.checkpoints, each.folder, each.label, text, each.checkpoints, still)
        made += [removal] if removal else []
    for place in subfolders(Outputs(outputs).replaced) if "replaced" in flags else []:
        if chosen is None or place.name.rpartition("-")[0] in chosen:
            made.append(Removal(place, None, place.name, "replaced by a rerun", tree(place), place.exists))
    return made


def removal_of_cell(flags: Sequence[str], each: StoredRun, outputs: Path, code: CurrentCode) -> Removal | None:
    """Return the removal of a cell's folder, if a flag asks for it."""
    folder, run = each.folder, RunFolder(each.folder)
    also = f", also in {', '.join(each.ablations[1:])}" if each.ablations[1:] else ""

    def stale() -> bool:
        about = read_provenance(run)
        return about.get("source") is not None and code.differs(about)

    def failed() -> bool:
        return has_ended(run) and not is_finished(run)

    def orphaned() -> bool:
        return folder.name not in members(outputs)

    if "orphaned" in flags and not each.members:
        return Removal(folder, folder, each.label, f"{each.status}, of no ablation", each.size, orphaned)
    if "stale" in flags and stale():
        return Removal(
            folder, folder, each.label, f"trained by a different version of the code{also}", each.size, stale
        )
    if "failed" in flags and each.status == "failed":
        return Removal(folder, folder, each.label, f"failed{also}", each.size, failed)
    return None


def has_ended(run: RunFolder) -> bool:
    """Predicate: by its files, a cell has finished or failed."""
    return run.result.exists() or run.failure.exists()


def held(removal: Removal) -> str:
    """Return who trains a cell now, in words; empty if nobody does."""
    about = holder(removal.run) if removal.run else None
    return "" if about is None else f"being trained on {about.get('host', '?')}, pid {about.get('pid', '?')}"


def remove(removal: Removal) -> str:
    """Remove a folder under its cell's lease, if it still is to be; else why not."""
    refuse_links(removal.path)
    if removal.run is None:
        shutil.rmtree(removal.path)
        return ""
    lease = Lease(removal.run)
    try:
        if not lease.acquire():
            return held(removal) or "its lease may still be held on another machine; try again in half a minute"
    except FileNotFoundError:
        return "gone meanwhile"
    try:
        if not removal.still():
            return "changed meanwhile"
        place = removal.path
        if place == removal.run and not place.name.startswith("."):  # gone at once: nobody meets half a cell
            place = move(place, hidden_folder(place))
        shutil.rmtree(place)
        return ""
    finally:
        lease.release()


def hidden_folder(folder: Path) -> Path:
    """Return a path beside a run's folder where nobody looks for a cell; what was there is removed."""
    beside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(beside, ignore_errors=True)
    return beside


def tidy(run: RunFolder) -> None:
    """Remove what a killed supervisor could not remove from a finished cell, unless the lease is another's."""
    if any(path.exists() for path in (run.lease, run.state, run.checkpoints)) or scratch_folders(run.folder):
        lease = Lease(run.folder)
        if lease.acquire():
            clear(run)
            lease.release()


def clear(run: RunFolder) -> None:
    """Remove what a finished cell no longer needs."""
    clear_partials(run)
    run.state.unlink(missing_ok=True)
    run.own_by.unlink(missing_ok=True)
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def clear_partials(run: RunFolder) -> None:
    """Remove what a killed process was writing."""
    for each in run.partial_files():
        each.unlink(missing_ok=True)
