"""Any folder of class folders."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from dropgrid import checks
from dropgrid.cores import cores
from dropgrid.data import cache as caching
from dropgrid.data import image
from dropgrid.data.folder import Listing, content, folder_of, subfolders
from dropgrid.data.index import indexed
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Files, Reader, Rows, Splits, in_memory
from dropgrid.data.stratified import divided, sizes_of

GIB = 2**30
FILES_AT_ONCE = 128
LARGE_FILE = 8192
"""Bytes. Decoding smaller ones is mostly Python's own work, and threads only get in each other's way."""


class ImageFolder(AbstractSource):
    """Images in `root/train/<class>`, `root/test/<class>` and maybe `root/val/<class>`, or in `root/<class>` alone.

    What has no folder of its own is drawn by class from the training images, or from all: first test, then val.
    Small sets are decoded once and live in memory; larger ones are read as they are used.

    Args:
        root: the folder.
        train, val, test: counts of images, or shares below 1 of those that are divided; `train=None` takes what the
            others leave. `val` and `test` say nothing where the root has that folder.
        split_seed: of the draw; no part of a run's own seed.
        size: pixels; the shorter side is resized to it and the centre cropped square. None takes the images as they
            are: all must be of one size.
        channels: 3 or 1.
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
        self.split_seed = split_seed
        self.crop = None if size is None else checks.whole_number("data.size", size, 1, what="a whole number of pixels")
        self.channels = channels
        self.memory_limit = memory_limit
        self.mean, self.std = mean, std
        self.cache = Path(cache) / "data"

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The folders that divide the root; ("",) if its folders are the classes."""
        found = set(subfolders(self.root))
        splits = found & {"train", "val", "test"}
        if {"train", "test"} <= found:
            if strange := sorted(found - splits):
                raise ValueError(f"{self.root} has train/ and test/, and beside them {', '.join(strange[:10])}")
            return tuple(name for name in ("train", "val", "test") if name in found)
        if found and found == splits:
            raise ValueError(
                f"{self.root} has only {', '.join(sorted(found))}: wanted are train/, test/ and maybe val/, or classes"
            )
        return ("",)

    @cached_property
    def files(self) -> Listing:
        """All the images."""
        return indexed(self.root, self.parts, self.cache, self.follow_links)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Counts of the splits drawn from the first part."""
        total = int((self.files.part == 0).sum())
        return sizes_of(total, **{name: each for name, each in self.wanted.items() if name not in self.parts[1:]})

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        height, width = image.size_of(self.files.path(0)) if self.crop is None else (self.crop, self.crop)
        return self.channels, height, width

    def spec(self) -> Spec:
        given = {name: int((self.files.part == k).sum()) for k, name in enumerate(self.parts) if k}
        return Spec(self.files.classes, self.channels, self.shape[1:], **self.sizes, **given)

    def fingerprint(self) -> str:
        return self.content

    @cached_property
    def content(self) -> str:
        """The fingerprint, found once."""
        return content(self.root, self.files.names, self.files.stats, self.cache)

    def rows(self) -> Rows:
        """Which image is in which split."""
        first, *given = (np.flatnonzero(self.files.part == k) for k in range(len(self.parts)))
        drawn = divided(self.files.labels[first], self.split_seed, self.sizes)
        return Rows(
            **{name: first[rows] for name, rows in drawn.items()}, **dict(zip(self.parts[1:], given, strict=True))
        )

    def load(self) -> Splits:
        fit: image.Fit = partial(image.as_it_is, size=self.shape[1:])
        if self.crop is not None:
            fit = partial(image.resized, resize=self.crop, crop=self.crop)
        reader = partial(image.read, channels=self.channels, fit=fit)
        if len(self.files.names) * np.prod(self.shape) > self.memory_limit * GIB:
            return self.streamed(reader)
        sides = "x".join(map(str, self.shape)) + ("" if self.crop is None else "-resized")
        arrays = caching.arrays(
            self.cache, f"{self.content}-{sides}", ("images",), lambda: {"images": self.decode(reader)}
        )
        return in_memory(arrays["images"], self.files.labels, self.rows())

    def streamed(self, reader: Reader) -> Splits:
        """The splits as files."""
        mean, std = image.constants("mean", self.mean, self.channels), image.constants("std", self.std, self.channels)
        every = Files(self.root, self.files.names, self.files.labels, reader)
        train, val, test = (every.select(torch.from_numpy(rows)) for rows in self.rows())
        return Splits(train, val, test, mean, std)

    def decode(self, reader: Reader) -> np.ndarray:
        """All images, uint8 (N, C, H, W), by as many threads as there are cores if the files are large."""
        count = len(self.files.names)
        images = np.empty((count, *self.shape), np.uint8)

        def fill(start: int) -> None:
            for index in range(start, min(start + FILES_AT_ONCE, count)):
                images[index] = reader(self.files.path(index)).numpy()

        threads = cores() if self.files.stats[:, 0].mean() > LARGE_FILE else 1
        pool = ThreadPoolExecutor(threads)
        try:
            for _ in pool.map(fill, range(0, count, FILES_AT_ONCE)):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
        return images
