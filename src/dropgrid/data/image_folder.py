"""Any folder of class folders."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dropgrid import checks
from dropgrid.cores import cores
from dropgrid.data import cache as caching
from dropgrid.data import image
from dropgrid.data.content import Content, current_content, differing
from dropgrid.data.folder import Listing, Progress, folder_of, subfolders
from dropgrid.data.index import indexed
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Files, Known, Rows, Splits, in_memory
from dropgrid.data.stratified import divided, sizes_of

GIB = 2**30
FILES_AT_ONCE = 128
LARGE_FILE = 8192
"""Bytes. Decoding smaller ones is mostly Python's own work, and threads only get in each other's way."""

MOST_NAMED = 100
"""Files that cannot be read that are named; of more, how many."""

SPELLINGS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
"""A folder's name in lower case -> the split that it holds."""


class ImageFolder(AbstractSource):
    """Images in `root/train/<class>`, `root/test/<class>` and maybe `root/val/<class>`, or in `root/<class>` alone.

    Whatever Pillow reads is an image, of several frames the first; other files are counted as left out. Splits may be
    spelled as in `SPELLINGS`, in letters of any case. What has no folder of its own is drawn by class from the training
    images, or from all: first test, then val.
    Small sets are decoded once and live in memory; larger ones are read as they are used.

    Args:
        root: the folder.
        train, val, test: counts of images, or shares below 1 of those that are divided; `train=None` takes what the
            others leave. `val` and `test` say nothing where the root has that folder.
        split_seed: of the draw; no part of a run's own seed.
        size: pixels; the shorter side is resized to it and the centre cropped square. None takes the images as they
            are: all must be of one size.
        channels: 3 or 1.
        exif: turn images as the EXIF orientation in their files says; else it is ignored, which is noted.
        follow_links: to wherever they lead; else a link that leads out of the root is an error.
        memory_limit: GiB of decoded pixels up to which a set lives in memory.
        mean, std: of each channel, in units of the [0, 1] image, of a set that does not live in memory; one that
            does has those of its own training images.
        cache: folder for the index of the files, and decoded arrays.
    """

    def __init__(
        self,
        *,
        root: os.PathLike[str] | str | None,
        train: float | None,
        val: float,
        test: float,
        split_seed: int,
        size: int | None,
        channels: int,
        exif: bool,
        memory_limit: float,
        follow_links: bool,
        mean: Sequence[float],
        std: Sequence[float],
        cache: os.PathLike[str] | str,
    ):
        checks.one_of("data.channels", channels, (3, 1))
        checks.number("data.memory_limit", memory_limit, least=0, most=math.inf, what="a number of GiB")
        self.root = folder_of("image_folder", root)
        self.wanted = {"train": train, "val": val, "test": test}
        self.follow_links = checks.boolean("data.follow_links", follow_links)
        self.exif = checks.boolean("data.exif", exif)
        self.split_seed = split_seed
        self.crop = None if size is None else checks.whole_number("data.size", size, 1, what="a whole number of pixels")
        self.channels = channels
        self.memory_limit = memory_limit
        self.mean, self.std = mean, std
        self.cache = Path(cache) / "data"

    @cached_property
    def parts(self) -> dict[str, str]:
        """`parts_of` the root."""
        return parts_of(self.root, otherwise="classes")

    @cached_property
    def files(self) -> Listing:
        """All the images."""
        return indexed(self.root, [*self.parts.values()], self.cache, self.follow_links)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Counts of the splits drawn from the first part."""
        total = int((self.files.part == 0).sum())
        return sizes_of(total, **{name: each for name, each in self.wanted.items() if name not in [*self.parts][1:]})

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W): of the first file that can be read, unless `data.size` says it."""
        if self.crop is not None:
            return self.channels, self.crop, self.crop
        for index in range(min(FILES_AT_ONCE, len(self.files.names))):
            with suppress(ValueError):  # `prepare` names all that cannot be read
                return self.channels, *image.size_of(self.files.path(index), self.exif)
        return self.channels, *image.size_of(self.files.path(0), self.exif)

    def spec(self) -> Spec:
        given = {name: int((self.files.part == k).sum()) for k, name in enumerate(self.parts) if k}
        return Spec(self.files.classes, self.channels, self.shape[1:], **self.sizes, **given)

    def fingerprint(self) -> str:
        return self.content.fingerprint

    @cached_property
    def content(self) -> Content:
        """What the files hold, found once."""
        return current_content(self.root, self.files.names, self.files.stats, self.cache)

    def differing(self, planned: str) -> str:
        return differing(self.cache, planned, self.content)

    def left_out(self) -> Mapping[str, int]:
        return self.files.left_out

    def notes(self) -> list[str]:
        turned = int(self.decoded["turned"].sum())
        what = "image has an EXIF orientation, which is" if turned == 1 else "images have an EXIF orientation, which is"
        return [f"note: {turned} {what} ignored; data.exif=true applies it"] if turned else []

    def rows(self) -> Rows:
        """Which image is in which split."""
        first, *given = (np.flatnonzero(self.files.part == k) for k in range(len(self.parts)))
        drawn = divided(self.files.labels[first], self.split_seed, self.sizes)
        return Rows(
            **{name: first[rows] for name, rows in drawn.items()}, **dict(zip([*self.parts][1:], given, strict=True))
        )

    def load(self) -> Splits:
        if self.streams:
            mean, std = (image.constants(name, getattr(self, name), self.channels) for name in ("mean", "std"))
            train, val, test = (self.every.select(torch.from_numpy(rows)) for rows in self.rows())
            return Splits(train, val, test, mean, std)
        return in_memory(self.decoded["images"], self.files.labels, self.rows())

    def prepare(self) -> Splits:
        splits = self.load()
        _ = self.decoded  # of a set that is read as it is used, whether each file can be
        return splits

    @property
    def streams(self) -> bool:
        """Whether the set is too large to live in memory."""
        return bool(len(self.files.names) * np.prod(self.shape) > self.memory_limit * GIB)

    @property
    def how(self) -> dict[str, Any]:
        """How each file is decoded."""
        fit: image.Fit = partial(image.as_it_is, size=self.shape[1:])
        if self.crop is not None:
            fit = partial(image.resized, resize=self.crop, crop=self.crop)
        return {"channels": self.channels, "fit": fit, "exif": self.exif}

    @cached_property
    def every(self) -> Files:
        """All the images, as files."""
        known = Known(self.files.stats[:, 0], self.content.sha256)
        return Files(self.root, self.files.names, self.files.labels, known, partial(image.read, **self.how))

    @cached_property
    def decoded(self) -> dict[str, np.ndarray]:
        """`images`, uint8 (N, C, H, W), of a set that lives in memory, and `turned`, bool (N,): whose EXIF orientation
        is ignored. Made once, for which every file is decoded."""
        names = ("turned",) if self.streams else ("images", "turned")
        ways = {"resized": self.crop is not None, "exif": self.exif, "read": self.streams}
        about = ["x".join(map(str, self.shape)), *(way for way, so in ways.items() if so), image.VERSIONS]
        return caching.arrays(self.cache, f"{self.content.fingerprint}-{'-'.join(about)}", names, self.decode)

    def decode(self) -> dict[str, np.ndarray]:
        """The arrays of `decoded`, by as many threads as there are cores if the files are large.

        Raises ValueError that names every file that cannot be read, one a line.
        """
        count, every, how = len(self.files.names), self.every, self.how
        images = np.empty((0 if self.streams else count, *self.shape), np.uint8)
        turned = np.zeros(count, bool)

        def fill(index: int) -> None:
            pixels, turned[index] = image.decoded(every.path(index), every.read(index), **how)
            if len(images):
                images[index] = pixels.numpy()

        threads = cores() if self.files.stats[:, 0].mean() > LARGE_FILE else 1
        decode_all(fill, count, threads, Progress(self.root, "reading"))
        return {"images": images, "turned": turned}


def parts_of(root: Path, otherwise: str) -> dict[str, str]:
    """Return split -> the folder in a root that holds it, training first; {"": ""} if its folders are no splits.

    Raises ValueError if some of its folders are splits and some are not, in words that say what they are `otherwise`.
    """
    found = subfolders(root)
    roles = {name: SPELLINGS[name.lower()] for name in found if name.lower() in SPELLINGS}
    if {"train", "test"} <= {*roles.values()}:
        if strange := [name for name in found if name not in roles]:
            train, test = (next(name for name in roles if roles[name] == role) for role in ("train", "test"))
            raise ValueError(f"{root} has {train}/ and {test}/, and beside them {', '.join(strange[:10])}")
        if twice := [name for name in roles if [*roles.values()].count(roles[name]) > 1]:
            raise ValueError(f"{root} has several folders for one split: {', '.join(twice)}")
        return {role: name for role in ("train", "val", "test") for name in roles if roles[name] == role}
    if found and len(found) == len(roles):
        raise ValueError(f"{root} has only {', '.join(found)}: wanted are train/, test/ and maybe val/, or {otherwise}")
    return {"": ""}


def decode_all(fill: Callable[[int], None], count: int, threads: int, told: Progress) -> None:
    """Decode files 0 to count - 1 in threads, and say how far it is.

    Raises ValueError that names every file for which `fill` raised one, one a line.
    """

    def stretch(start: int) -> list[str]:
        bad = []
        for index in range(start, min(start + FILES_AT_ONCE, count)):
            try:
                fill(index)
            except ValueError as error:
                bad.append(str(error))
        return bad

    pool = ThreadPoolExecutor(threads)
    bad: list[str] = []
    try:
        for found in pool.map(stretch, range(0, count, FILES_AT_ONCE)):
            bad += found
            told.add(FILES_AT_ONCE)
    finally:
        pool.shutdown(cancel_futures=True)
    if bad:
        more = [f"and {len(bad) - MOST_NAMED} more files"] if len(bad) > MOST_NAMED else []
        raise ValueError("\n".join([*bad[:MOST_NAMED], *more]))
