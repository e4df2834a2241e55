"""What `clean` removes, and how: under a cell's lease, whole folders, nothing that has changed meanwhile."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dropgrid.store.identity import source_fingerprint
from dropgrid.store.inventory import Run, members, source, subfolders, tree
from dropgrid.store.lease import Lease, holder


@dataclass(frozen=True)
class Removal:
    """A folder to remove: whose (`run` holds the lease; None for what nobody trains), and whether it still is to be."""

    path: Path
    run: Path | None
    label: str
    why: str
    size: int
    still: Callable[[], bool]


def removals(flags: Sequence[str], found: Sequence[Run], outputs: Path, chosen: set[str] | None) -> list[Removal]:
    """What the flags would remove, each folder once; of a cell that goes as a whole the checkpoints go with it."""
    now = source_fingerprint()
    made = []
    for each in found:
        removal = whole(flags, each, outputs, now)
        if removal is None and "checkpoints" in flags and each.checkpoints and ended(each.folder):
            place = each.folder / "checkpoints"
            text = f"checkpoints of a {each.status} cell"
            removal = Removal(place, each.folder, each.label, text, each.checkpoints, partial(ended, each.folder))
        made += [removal] if removal else []
    for place in subfolders(outputs / "replaced") if "replaced" in flags else []:
        if chosen is None or place.name.rpartition("-")[0] in chosen:
            made.append(Removal(place, None, place.name, "replaced by a rerun", tree(place), place.exists))
    return made


def whole(flags: Sequence[str], each: Run, outputs: Path, now: str) -> Removal | None:
    """The removal of a cell's whole folder, where a flag asks for it."""
    folder = each.folder
    also = f", also in {', '.join(each.ablations[1:])}" if each.ablations[1:] else ""

    def stale() -> bool:
        return source(folder) not in (None, now)

    def failed() -> bool:
        return ended(folder) and not (folder / "result.json").exists()

    def orphaned() -> bool:
        return folder.name not in members(outputs)

    if "orphaned" in flags and not each.members:
        return Removal(folder, folder, each.label, f"{each.status}, of no ablation", each.size, orphaned)
    if "stale" in flags and stale():
        return Removal(folder, folder, each.label, f"trained by older source{also}", each.size, stale)
    if "failed" in flags and each.status == "failed":
        return Removal(folder, folder, each.label, f"failed{also}", each.size, failed)
    return None


def ended(folder: Path) -> bool:
    """Whether a cell's files say that it finished or failed."""
    return (folder / "result.json").exists() or (folder / "failure.json").exists()


def held(removal: Removal) -> str:
    """Who trains a cell now, in words; empty where nobody does."""
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
            place = place.rename(hidden(place))
        shutil.rmtree(place)
        return ""
    finally:
        lease.release()


def hidden(folder: Path) -> Path:
    """A name beside a run's folder under which nobody looks for a cell; what had it is removed."""
    beside = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(beside, ignore_errors=True)
    return beside
