"""Folders of class folders: their listing and their content."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np

from dropgrid.data import cache

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class Listing(NamedTuple):
    """The images of a tree, sorted by part, class and name.

    names: (N,) file names under `root`, as bytes. labels: int64 (N,). part: int64 (N,), which of the parts asked for.
    stats: int64 (N, 3): size in bytes, times of the last change of content and of inode in ns.
    """

    root: Path
    classes: tuple[str, ...]
    names: np.ndarray
    labels: np.ndarray
    part: np.ndarray
    stats: np.ndarray

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.root / os.fsdecode(bytes(self.names[index]))


def folder_of(option: str, root: str | os.PathLike[str] | None) -> Path:
    """The folder that `data.root` names; ValueError where it names none."""
    if root is None:
        raise ValueError(f"data={option} needs data.root=FOLDER")
    folder = Path(root).expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"data.root={root} is not a folder" + ("" if folder.exists() else " (nothing is there)"))
    return folder


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are no data."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def images_under(folder: Path, prefix: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """(name, stats) of the image files at any depth, in no order; other files and hidden ones are no data."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if entry.is_symlink() and folder.resolve().is_relative_to(os.path.realpath(entry.path)):
                    raise ValueError(f"the link {entry.path} leads back to a folder that it lies in")
                yield from images_under(Path(entry.path), name)
            elif entry.name.lower().endswith(EXTENSIONS):
                stat = entry.stat()
                if not S_ISREG(stat.st_mode):  # a device never ends
                    raise ValueError(f"{entry.path} is no file")
                yield name, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def listing(root: Path, parts: Sequence[str]) -> Listing:
    """All images under `root/part/class/`, for each part; the part "" is the root itself.

    Raises ValueError for a folder without classes, a class without images, and parts whose classes differ.
    """
    try:
        return scanned(root, parts)
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error


def scanned(root: Path, parts: Sequence[str]) -> Listing:
    """`listing`, with whatever the file system raises."""
    classes: list[str] = []
    names: list[str] = []
    labels: list[int] = []
    part_of: list[int] = []
    stats: list[tuple[int, int, int]] = []
    for number, part in enumerate(parts):
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
        for label, name in enumerate(classes):
            prefix = f"{part}/{name}" if part else name
            images = sorted(images_under(root / prefix, prefix))
            if not images:
                raise ValueError(f"the class folder {root / prefix} has no images ({', '.join(EXTENSIONS)})")
            names += [image for image, _ in images]
            stats += [stat for _, stat in images]
            labels += [label] * len(images)
            part_of += [number] * len(images)
    return Listing(
        root,
        tuple(classes),
        np.array([os.fsencode(name) for name in names]),
        np.array(labels, dtype=np.int64),
        np.array(part_of, dtype=np.int64),
        np.array(stats, dtype=np.int64),
    )


def content(root: Path, names: Sequence[bytes] | np.ndarray, stats: np.ndarray, kept: Path) -> str:
    """Fingerprint of files: their names under the root and their bytes; kept until a name, size or time changes."""

    folder = os.fsencode(root)

    def parts() -> Iterator[bytes]:
        for name in names:
            path = os.path.join(folder, bytes(name))
            try:
                with open(path, "rb") as file:
                    inside = file.read()
            except OSError as error:
                raise ValueError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from error
            yield bytes(name)
            yield hashlib.sha256(inside).digest()

    key = cache.digest(folder, *(bytes(name) for name in names), stats.astype(np.int64).tobytes())
    return cache.fingerprint(kept, key, lambda: cache.digest(*parts()))
