"""The listing of a tree of images, kept: made once, and believed while no folder and no file of it has changed.

One file holds a row for each folder, with its stamp, and a row for each image, with its stats; it is mapped from disk,
so that processes share its pages. Believing it takes a look at every file, since one that is written in place leaves no
trace in its folder, but no folder is read, nothing is sorted, and no list of a million names is made.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dropgrid.data import cache
from dropgrid.data.folder import Listing, Stamp, listing, numbered, prefixed, stamp
from dropgrid.files import write_atomically

FORMAT = 1
"""Raised when indexes are written otherwise."""

SETTLED = 2.0
"""Seconds since a folder last changed, without which a listing is not kept: file systems count time in ticks, and a
file that came in the tick of the listing would leave the same stamp."""

AT_ONCE = 2000
"""Files that one thread looks at in turn."""

THREADS, WAIT = 16, 20e-6
"""Seconds per file above which many threads read: each read then waits for a server or a disk.
Where it takes 2 µs, they would only wait for each other."""

OTHER, IMAGE = -1, -2
"""Markers in the place of a class's count of images: a folder that belongs to no class, an image."""


def indexed(root: Path, parts: Sequence[str], kept: Path, follow_links: bool = False) -> Listing:
    """`listing`, from the kept index if it is still true; else made, and kept."""
    links = ["follow_links"] if follow_links else []
    path = kept / "indexes" / f"{cache.digest(os.fsencode(root), *parts, *links)}-{FORMAT}.npy"
    found = read(path, root, parts)
    if found is None:
        began = time.time()
        found = listing(root, parts, follow_links)
        if max(changed for *_, changed in found.folders.values()) < (began - SETTLED) * 1e9:
            write_atomically(path, lambda beside: np.save(beside, rows(found, parts)))
    return found


def rows(found: Listing, parts: Sequence[str]) -> np.ndarray:
    """Return the rows of a listing: the folders, a class's with its count of images, then the images, all in order."""
    prefixes = [prefixed(part, name) for part in parts for name in found.classes]
    counts = dict(zip(prefixes, np.bincount(found.part * len(found.classes) + found.labels), strict=True))
    folders = [(os.fsencode(name), its, counts.get(name, OTHER)) for name, its in found.folders.items()]
    longest = max(found.names.dtype.itemsize, *(len(name) for name, *_ in folders))
    made = np.zeros(len(folders) + len(found.names), [("name", f"S{longest}"), ("stats", "i8", 3), ("images", "i8")])
    made[: len(folders)] = folders
    images = made[len(folders) :]
    images["name"], images["stats"], images["images"] = found.names, found.stats, IMAGE
    return made


def read(path: Path, root: Path, parts: Sequence[str]) -> Listing | None:
    """The listing of a kept index; None if there is none, it is damaged, or something has changed since."""
    try:
        made = np.load(path, mmap_mode="c")
        folders = made[made["images"] != IMAGE]
        images = made[len(folders) :]
        known: dict[str, Stamp] = {os.fsdecode(name): tuple(map(int, its)) for name, its, _ in folders.tolist()}
        counts = {os.fsdecode(name): count for name, _, count in folders.tolist() if count != OTHER}
        now = {name: stamp(root / name) for name in known}
        if now != known or sum(counts.values()) != len(images) or not unchanged(root, images):
            return None
        classes = [name.removeprefix(f"{parts[0]}/") for name in counts][: len(counts) // len(parts)]
        labels, part = numbered(list(counts.values()), len(classes))
        return Listing(root, tuple(classes), images["name"], labels, part, images["stats"], known)
    except Exception:  # np.load raises whatever its parser happened on; a file or folder may be gone
        return None


def unchanged(root: Path, images: np.ndarray) -> bool:
    """Predicate: every image has the stats of its row."""
    folder = os.open(root, os.O_RDONLY)

    def same(start: int) -> bool:
        some = images[start : start + AT_ONCE]
        found = [os.stat(name, dir_fd=folder) for name in some["name"].tolist()]
        stats = np.fromiter((n for s in found for n in (s.st_size, s.st_mtime_ns, s.st_ctime_ns)), np.int64)
        return bool((stats == some["stats"].ravel()).all())

    began = time.perf_counter()
    first = same(0)
    waits = (time.perf_counter() - began) / min(AT_ONCE, len(images)) > WAIT
    pool = ThreadPoolExecutor(THREADS if waits else 1)
    try:
        return first and all(pool.map(same, range(AT_ONCE, len(images), AT_ONCE)))
    finally:
        pool.shutdown(cancel_futures=True)
        os.close(folder)
