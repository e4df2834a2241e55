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
import PIL

from dropgrid.data import cache
from dropgrid.data.content import SETTLED
from dropgrid.data.folder import Listing, Stamp, listing, numbered, prefixed, stamp
from dropgrid.files import stats_of

FORMAT = 2
"""Raised when indexes are written otherwise."""

AT_ONCE = 2000
"""Files that one thread looks at in turn."""

THREADS, WAIT = 16, 20e-6
"""Seconds per file above which many threads read: each read then waits for a server or a disk.
Where it takes 2 µs, they would only wait for each other."""

OTHER, IMAGE, LEFT_OUT = -1, -2, -3
"""Markers in the place of a class's count of images: a folder that belongs to no class, an image, a kind of file that
is left out, whose count stands in the place of its size."""


def indexed(root: Path, parts: Sequence[str], kept: Path, follow_links: bool = False) -> Listing:
    """`listing`, from the kept index if it is still true; else made, and kept."""
    links = ["follow_links"] if follow_links else []
    about = cache.digest(os.fsencode(root), *parts, *links, PIL.__version__)  # other versions read other files
    path = kept / "indexes" / f"{about}-{FORMAT}.npy"
    found = read(path, about, root, parts)
    if found is None:
        began = time.time()
        found = listing(root, parts, follow_links)
        if max(changed for *_, changed in found.folders.values()) < (began - SETTLED) * 1e9:
            cache.save(path, about, rows(found, parts))
    return found


def rows(found: Listing, parts: Sequence[str]) -> np.ndarray:
    """Return the rows of a listing: the folders, a class's with its count of images, then the images, all in order."""
    prefixes = [prefixed(part, name) for part in parts for name in found.classes]
    counts = dict(zip(prefixes, np.bincount(found.part * len(found.classes) + found.labels), strict=True))
    folders = [(os.fsencode(name), (*its, 0), counts.get(name, OTHER)) for name, its in found.folders.items()]
    folders += [(os.fsencode(kind), (count, 0, 0, 0), LEFT_OUT) for kind, count in found.left_out.items()]
    longest = max(found.names.dtype.itemsize, *(len(name) for name, *_ in folders))
    made = np.zeros(len(folders) + len(found.names), [("name", f"S{longest}"), ("stats", "i8", 4), ("images", "i8")])
    made[: len(folders)] = folders
    images = made[len(folders) :]
    images["name"], images["stats"], images["images"] = found.names, found.stats, IMAGE
    return made


def read(path: Path, key: str, root: Path, parts: Sequence[str]) -> Listing | None:
    """The listing of a kept index; None if there is none, it is damaged, or something has changed since."""
    try:
        made = cache.load(path, key)
        folders = made[made["images"] != IMAGE]
        images = made[len(folders) :]
        rows = [(os.fsdecode(name), tuple(map(int, its)), count) for name, its, count in folders.tolist()]
        left_out = {name: its[0] for name, its, count in rows if count == LEFT_OUT}
        known: dict[str, Stamp] = {name: its[:3] for name, its, count in rows if count != LEFT_OUT}
        counts = {name: count for name, _, count in rows if count >= 0}
        now = {name: stamp(root / name) for name in known}
        if now != known or sum(counts.values()) != len(images) or not unchanged(root, images):
            return None
        classes = [name.removeprefix(f"{parts[0]}/") for name in counts][: len(counts) // len(parts)]
        labels, part = numbered(list(counts.values()), len(classes))
        return Listing(root, tuple(classes), images["name"], labels, part, images["stats"], known, left_out)
    except Exception:  # np.load raises whatever its parser happened on; a file or folder may be gone
        return None


def unchanged(root: Path, images: np.ndarray) -> bool:
    """Predicate: every image has the stats of its row."""
    folder = os.open(root, os.O_RDONLY)

    def same(start: int) -> bool:
        some = images[start : start + AT_ONCE]
        found = [os.stat(name, dir_fd=folder) for name in some["name"].tolist()]
        stats = np.fromiter((n for stat in found for n in stats_of(stat)), np.int64)
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
