"""Folders of class folders: their listing and their content."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np

from dropgrid.data import cache

SILENT, APART = 3.0, 10.0
"""Seconds of listing until it says how far it is, and between two such lines."""

Stamp = tuple[int, ...]
"""A folder's inode and times of its last change of content and of inode in ns; differs once an entry came or went."""

Check = Callable[[str | Path], None]
"""Raises for a path that may not be looked into."""

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class Listing(NamedTuple):
    """The images of a tree, sorted by part, class and name.

    names: (N,) file names under `root`, as bytes. labels: int64 (N,). part: int64 (N,), which of the parts asked for.
    stats: int64 (N, 3): size in bytes, times of the last change of content and of inode in ns.
    folders: name under `root` -> stamp, of each folder that was looked into, as it was before.
    """

    root: Path
    classes: tuple[str, ...]
    names: np.ndarray
    labels: np.ndarray
    part: np.ndarray
    stats: np.ndarray
    folders: dict[str, Stamp]

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.root / os.fsdecode(bytes(self.names[index]))


def folder_of(option: str, root: str | os.PathLike[str] | None) -> Path:
    """Return the folder that `data.root` names; ValueError if it names none."""
    if root is None:
        raise ValueError(f"data={option} needs data.root=FOLDER")
    if not isinstance(root, str | os.PathLike):
        raise ValueError(f"data.root must be a folder's path, got {root!r}")
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"data.root={root} is not a folder" + ("" if folder.exists() else " (nothing is there)"))
    return folder


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are no data."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def stamp(folder: str | os.PathLike[str]) -> Stamp:
    """Return the stamp of a folder."""
    stat = os.stat(folder)
    return stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns


def stay(root: Path, path: str | Path) -> None:
    """Raise ValueError for a link that leads out of `root`, itself resolved: others could name any file."""
    if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(root):
        raise ValueError(f"the link {path} leads out of {root}; data.follow_links=true lets links lead anywhere")


def images_under(
    folder: Path, prefix: str, folders: dict[str, Stamp], check: Check, linked: set[str]
) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """(name, stats) of the image files at any depth, in no order; other files and hidden ones are no data.

    `linked` are the folders that links of this class led to: a second link to one would list its images twice, and
    links to folders with links without end.
    """
    check(folder)
    folders[prefix] = stamp(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                    if folder.resolve().is_relative_to(real):
                        raise ValueError(f"the link {entry.path} leads back to a folder that it lies in")
                    if real in linked:
                        raise ValueError(f"the link {entry.path} leads to {real}, as another link of its class does")
                    linked.add(real)
                yield from images_under(Path(entry.path), name, folders, check, linked)
            elif entry.name.lower().endswith(EXTENSIONS):
                if entry.is_symlink():
                    check(entry.path)
                stat = entry.stat()
                if not S_ISREG(stat.st_mode):  # a device never ends
                    raise ValueError(f"{entry.path} is no file")
                yield name, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def listing(root: Path, parts: Sequence[str], follow_links: bool = False) -> Listing:
    """All images under `root/part/class/`, for each part; the part "" is the root itself.

    Raises ValueError for a folder without classes, a class without images, parts whose classes differ, and links that
    lead out of the root, unless those are to be followed.
    """
    try:
        return scanned(root, parts, (lambda _: None) if follow_links else partial(stay, root.resolve()))
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error


def scanned(root: Path, parts: Sequence[str], check: Check) -> Listing:
    """`listing`, with whatever the file system raises."""
    classes: list[str] = []
    names: list[np.ndarray] = []  # of a class each: a million Python objects would take half a gigabyte
    stats: list[np.ndarray] = []
    folders: dict[str, Stamp] = {}
    told = Progress(root)
    for number, part in enumerate(parts):
        check(root / part)
        folders[part] = stamp(root / part)
        found = subfolders(root / part)
        if not found:
            raise ValueError(f"{root / part} has no class folders: wanted is one folder of images for each class")
        if number and found != classes:
            lacking = [f"{parts[0]}/{name}" for name in classes if name not in found]
            extra = [f"{part}/{name}" for name in found if name not in classes]
            raise ValueError(
                f"{root}: {parts[0]}/ and {part}/ do not have the same classes; on one side only: "
                + ", ".join([*lacking, *extra][:10])
            )
        classes = found
        for name in classes:
            prefix = prefixed(part, name)
            images = sorted(images_under(root / prefix, prefix, folders, check, set()))
            if not images:
                raise ValueError(f"the class folder {root / prefix} has no images ({', '.join(EXTENSIONS)})")
            names.append(np.array([os.fsencode(image) for image, _ in images]))
            stats.append(np.array([stat for _, stat in images], dtype=np.int64))
            told.add(len(images), f"class {len(names) - number * len(classes)} of {len(classes)}", part)
    counts = [len(each) for each in names]
    return Listing(
        root, tuple(classes), np.concatenate(names), *numbered(counts, len(classes)), np.concatenate(stats), folders
    )


def prefixed(part: str, name: str) -> str:
    """A class's folder under the root."""
    return f"{part}/{name}" if part else name


def numbered(counts: Sequence[int], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and parts (N,) of images, from how many each class has: all classes of a part, then the next part's."""
    place = np.repeat(np.arange(len(counts)), counts)
    return place % classes, place // classes


class Progress:
    """Report from time to time how far a listing is, if it takes long: millions of files do, on a file server."""

    def __init__(self, root: Path):
        self.root = root
        self.images = 0
        self.next = time.monotonic() + SILENT

    def add(self, images: int, *where: str) -> None:
        """So many more images."""
        self.images += images
        if time.monotonic() > self.next:
            self.next = time.monotonic() + APART
            place = ", ".join(filter(None, where))
            print(f"listing {self.root}: {self.images:,} images ({place})", file=sys.stderr, flush=True)


def in_turn(names: Sequence[bytes] | np.ndarray) -> Iterator[bytes]:
    """Names one by one, of which never more than some are Python's objects."""
    return chain.from_iterable(np.array(names[at : at + 1000]).tolist() for at in range(0, len(names), 1000))


def content(root: Path, names: Sequence[bytes] | np.ndarray, stats: np.ndarray, kept: Path) -> str:
    """Fingerprint of files: their names under the root and their bytes; kept until a name, size or time changes."""

    folder = os.fsencode(root)

    def parts() -> Iterator[bytes]:
        for name in in_turn(names):
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    inside = file.read()
            except OSError as error:
                raise ValueError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from error
            yield name
            yield hashlib.sha256(inside).digest()

    key = cache.digest_of(chain([folder], in_turn(names), [stats.astype(np.int64).tobytes()]))
    return cache.fingerprint(kept, key, lambda: cache.digest_of(parts()))
