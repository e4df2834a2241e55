"""The listing of folders of class folders."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np

from dropgrid.data import image
from dropgrid.files import stats_of

SILENT, APART = 3.0, 10.0
"""Seconds of listing until it says how far it is, and between two such lines."""

Stamp = tuple[int, ...]
"""A folder's inode and times of its last change of content and of inode in ns; differs once an entry came or went."""

Check = Callable[[str | Path], None]
"""Raises for a path that may not be looked into."""


class Listing(NamedTuple):
    """The images of a tree, sorted by part, class and name.

    names: (N,) file names under `root`, as bytes. labels: int64 (N,). part: int64 (N,), which of the parts asked for.
    stats: int64 (N, 4), as `dropgrid.files.stats_of` gives them.
    folders: name under `root` -> stamp, of each folder that was looked into, as it was before.
    left_out: kind -> count of the files beside them that are no data: `.txt`, `loose .jpg` outside the class folders.
    """

    root: Path
    classes: tuple[str, ...]
    names: np.ndarray
    labels: np.ndarray
    part: np.ndarray
    stats: np.ndarray
    folders: dict[str, Stamp]
    left_out: dict[str, int]

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
    folder: Path, prefix: str, folders: dict[str, Stamp], left_out: Counter[str], check: Check, linked: set[str]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, stats) of the image files at any depth, in no order; others count as left out, hidden ones are no data.

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
                yield from images_under(Path(entry.path), name, folders, left_out, check, linked)
            elif extension(entry.name) in image.extensions():
                if entry.is_symlink():
                    check(entry.path)
                stat = entry.stat()
                if not S_ISREG(stat.st_mode):  # a device never ends
                    raise ValueError(f"{entry.path} is no file")
                yield name, stats_of(stat)
            else:
                left_out[kind(entry.name)] += 1


def extension(name: str) -> str:
    """Return a file name's extension in lower case, with its dot; empty if it has none."""
    return os.path.splitext(name)[1].lower()


def kind(name: str) -> str:
    """Return what a file that is left out counts as: its extension, or that it has none."""
    return extension(name) or "without extension"


def loose(folder: Path) -> Counter[str]:
    """Return kind -> count of the files that lie in a folder of class folders itself; an image is a `loose` one."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir()]
    return Counter(f"loose {kind(name)}" if extension(name) in image.extensions() else kind(name) for name in names)


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
    folders: dict[str, Stamp] = {"": stamp(root)}
    left_out = loose(root)
    told = Progress(root)
    for number, part in enumerate(parts):
        check(root / part)
        if part:
            folders[part] = stamp(root / part)
            left_out += loose(root / part)
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
        refuse_what_are_no_classes(root, part, found)
        classes = found
        for name in classes:
            prefix = prefixed(part, name)
            other = Counter[str]()
            images = sorted(images_under(root / prefix, prefix, folders, other, check, set()))
            if not images:
                only = f", only {counted(other)}" if other else ""
                raise ValueError(f"the class folder {root / prefix} has no images that Pillow reads{only}")
            left_out += other
            names.append(np.array([os.fsencode(image) for image, _ in images]))
            stats.append(np.array([stat for _, stat in images], dtype=np.int64))
            told.add(len(images), f"class {len(names) - number * len(classes)} of {len(classes)}", part)
    counts = [len(each) for each in names]
    places = numbered(counts, len(classes))
    kinds = dict(sorted(left_out.items()))
    return Listing(root, tuple(classes), np.concatenate(names), *places, np.concatenate(stats), folders, kinds)


def refuse_what_are_no_classes(root: Path, part: str, found: Sequence[str]) -> None:
    """Raise ValueError for folders that are no classes: a single one, or several that hold the same folders."""
    place = root / part
    if len(found) == 1:
        inner = place / found[0]
        while len(within := subfolders(inner)) == 1 and not (inner / within[0]).is_symlink():
            inner = inner / within[0]
        meant = f"; did you mean data.root={inner}?" if within and not part else ""
        meant = meant or (f"; its folders {listed(within)} belong one level higher" if within else "")
        raise ValueError(f"{place} has one class folder, {found[0]}: there must be two classes or more{meant}")
    same = set.intersection(*({name.lower() for name in subfolders(place / each)} for each in found))
    if len(same) > 1:
        raise ValueError(
            f"{place}: {listed(found)} all hold the same folders ({listed(sorted(same))}), so they are no classes: "
            f"choose one with data.root={place / found[0]}, or call them train, test and maybe val if they are splits"
        )


def listed(names: Sequence[str]) -> str:
    """Return the first names of many, as text."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def printable(text: str) -> str:
    """Return a text of file names as one line that any terminal can show: names may hold any byte."""
    return "".join(each if each.isprintable() else "?" for each in text)


def counted(kinds: Mapping[str, int]) -> str:
    """Return `24 .jfif, 3 loose .jpg`."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def prefixed(part: str, name: str) -> str:
    """A class's folder under the root."""
    return f"{part}/{name}" if part else name


def numbered(counts: Sequence[int], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and parts (N,) of images, from how many each class has: all classes of a part, then the next part's."""
    place = np.repeat(np.arange(len(counts)), counts)
    return place % classes, place // classes


class Progress:
    """Report from time to time how far a listing or reading is, if it takes long: millions of files do, on a server."""

    def __init__(self, root: Path, doing: str = "listing"):
        self.root, self.doing = root, doing
        self.images = 0
        self.next = time.monotonic() + SILENT

    def add(self, images: int, *where: str) -> None:
        """So many more images."""
        self.images += images
        if time.monotonic() > self.next:
            self.next = time.monotonic() + APART
            place = f" ({', '.join(filter(None, where))})" if where else ""
            print(f"{self.doing} {self.root}: {self.images:,} images{place}", file=sys.stderr, flush=True)


def in_turn(names: Sequence[bytes] | np.ndarray) -> Iterator[bytes]:
    """Names one by one, of which never more than some are Python's objects."""
    return chain.from_iterable(np.array(names[at : at + 1000]).tolist() for at in range(0, len(names), 1000))
