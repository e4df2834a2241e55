"""Removal of folders for `clean`: under a cell's lease, and only if nothing has changed meanwhile."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dropgrid.store.identity import source_fingerprint
from dropgrid.store.inventory import StoredRun, members, subfolders, tree
from dropgrid.store.layout import Outputs, RunFolder
from dropgrid.store.lease import Lease, holder
from dropgrid.store.records import read_source


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
    now = source_fingerprint()
    made = []
    for each in found:
        removal = removal_of_cell(flags, each, outputs, now)
        run = RunFolder(each.folder)
        if removal is None and "checkpoints" in flags and each.checkpoints and run.ended:
            text = f"checkpoints of a {each.status} cell"
            still = partial(has_ended, run)
            removal = Removal(run.checkpoints, each.folder, each.label, text, each.checkpoints, still)
        made += [removal] if removal else []
    for place in subfolders(Outputs(outputs).replaced) if "replaced" in flags else []:
        if chosen is None or place.name.rpartition("-")[0] in chosen:
            made.append(Removal(place, None, place.name, "replaced by a rerun", tree(place), place.exists))
    return made


def removal_of_cell(flags: Sequence[str], each: StoredRun, outputs: Path, now: str) -> Removal | None:
    """Return the removal of a cell's folder, if a flag asks for it."""
    folder, run = each.folder, RunFolder(each.folder)
    also = f", also in {', '.join(each.ablations[1:])}" if each.ablations[1:] else ""

    def stale() -> bool:
        return read_source(run) not in (None, now)

    def failed() -> bool:
        return run.ended and not run.finished

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
    return run.ended


def held(removal: Removal) -> str:
    """Return who trains a cell now, in words; empty if nobody does."""
    about = holder(removal.run) if removal.run else None
    return "" if about is None else f"being trained on {about.get('host', '?')}, pid {about.get('pid', '?')}"


def remove(removal: Removal) -> str:
    """Remove a folder under its cell's lease, if it still is to be; else why not."""
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
            place = place.rename(hidden_folder(place))
        shutil.rmtree(place)
        return ""
    finally:
        lease.release()


def hidden_folder(folder: Path) -> Path:
    """Return a path beside a run's folder where nobody looks for a cell; what was there is removed."""
    beside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(beside, ignore_errors=True)
    return beside
