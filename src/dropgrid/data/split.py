"""The three parts of a data set, in memory or as files."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dropgrid import streams
from dropgrid.data import image
from dropgrid.data.folder import printable
from dropgrid.errors import UserError

IMAGES_AT_ONCE = 64

AGAIN = "put the data back, or run the command again with name=NAME: other data are other cells"
"""What to do about data that are not what a cell was planned with."""


NO_CLASS = 255
"""The label of pixels that are neither trained on nor counted, in a mask."""


class Memory:
    """A split held as tensors: the `rows` of a pool that its fellow splits and other processes share.

    Args:
        pool: uint8 (M, C, H, W).
        pool_labels: int64 (M,), or masks uint8 (M, H, W), a label for each pixel.
        rows: int64 (N,), which images of the pool these are, in the split's order; None is all.
    """

    def __init__(self, pool: Tensor, pool_labels: Tensor, rows: Tensor | None = None):
        assert pool_labels.dtype == (torch.int64 if pool_labels.dim() == 1 else torch.uint8)
        assert pool.dtype == torch.uint8 and len(pool) == len(pool_labels)
        self.pool = pool
        self.pool_labels = pool_labels
        self.rows = torch.arange(len(pool), device=pool.device) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def images(self) -> Tensor:
        """uint8 (N, C, H, W), a copy."""
        return self.pool[self.rows]

    @property
    def labels(self) -> Tensor:
        """int64 (N,), or masks uint8 (N, H, W)."""
        return self.pool_labels[self.rows]

    def select(self, indices: Tensor) -> "Memory":
        """Some of the images, of the same pool."""
        return Memory(self.pool, self.pool_labels, self.rows[indices])

    def to(self, device: torch.device) -> "Memory":
        """On the CPU the split itself, its pages still shared; on another device a copy of its own images alone."""
        return self if device == self.pool.device else Memory(self.images.to(device), self.labels.to(device))


class View(NamedTuple):
    """The training image at a place of the split as one epoch sees it: `key` starts the random numbers of its crop."""

    place: int
    key: int


Reader = Callable[[Path, bytes], Tensor]
"""From a file and its bytes to its image, uint8 (C, H, W) of the split's one size."""


class Known(NamedTuple):
    """What is known of files (N,) that were not read yet: int64 sizes in bytes, and if they were read when the cell was
    planned, the sha256 of each, uint8 (N, 32)."""

    sizes: np.ndarray
    sha256: np.ndarray | None = None

    def select(self, rows: np.ndarray) -> "Known":
        """Some of the files."""
        return Known(self.sizes[rows], None if self.sha256 is None else self.sha256[rows])

    def changed(self, index: int, data: bytes) -> str:
        """Return how a file's bytes are not what is known of it; empty if they are."""
        if self.sha256 is not None:
            planned, found = bytes(self.sha256[index]), hashlib.sha256(data).digest()
            return "" if planned == found else f"planned with sha256 {planned.hex()[:16]}, found {found.hex()[:16]}"
        size = int(self.sizes[index])
        return "" if size == len(data) else f"planned with {size} bytes, found {len(data)}"


@dataclass(frozen=True, eq=False)
class Files(Dataset[tuple[Tensor, int]]):
    """A split read from disk as it is used: `[index]` is the image as evaluation sees it, `[View]` as training does.

    Args:
        root: folder of the data set.
        names: (N,) file names under it, as bytes in one array: Python strings would be copied into every worker,
            page by page, as their reference counts change.
        labels: int64 (N,).
        known: of the files; other bytes are an error when they are read.
        evaluation: the reader, without random numbers.
        training: the reader that draws from torch's default CPU generator, which is set to the view's key before and
            put back after; None is `evaluation`.
    """

    root: Path
    names: np.ndarray
    labels: np.ndarray
    known: Known
    evaluation: Reader
    training: Reader | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, item: int | View) -> tuple[Tensor, int]:
        index = item.place if isinstance(item, View) else item
        path, label = self.path(index), int(self.labels[index])
        data = self.read(index)
        if self.training is None or not isinstance(item, View):
            return self.evaluation(path, data), label
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(item.key)
            return self.training(path, data), label

    def read(self, index: int) -> bytes:
        """The bytes of an image's file; UserError if they are not those that the cell was planned with."""
        path = self.path(index)
        data = image.bytes_of(path)
        if how := self.known.changed(index, data):
            raise UserError(f"data: {printable(str(path))} has changed since this cell was planned ({how}); {AGAIN}")
        return data

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.root / os.fsdecode(bytes(self.names[index]))

    def select(self, indices: Tensor) -> "Files":
        """Some of the images."""
        chosen = indices.numpy()
        return Files(
            self.root,
            self.names[chosen],
            self.labels[chosen],
            self.known.select(chosen),
            self.evaluation,
            self.training,
        )


Split = Memory | Files


class Splits(NamedTuple):
    """The images to train on, to select on and to report on; no image is in two of them.

    `mean` and `std` are float32 (C,), in units of the [0, 1] image.
    """

    train: Split
    val: Split
    test: Split
    mean: Tensor
    std: Tensor


class Rows(NamedTuple):
    """Which images of a pool are whose: int64 arrays of indices."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def in_memory(images: np.ndarray, labels: np.ndarray, rows: Rows) -> Splits:
    """Splits of decoded images (M, C, H, W) uint8 with their labels, int64 (M,) or uint8 masks (M, H, W), and the
    training images' mean and std."""
    pool = Memory(torch.from_numpy(images), torch.from_numpy(labels))
    train, val, test = (pool.select(torch.from_numpy(each)) for each in rows)
    return Splits(train, val, test, *moments(train))


def moments(split: Memory) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, in units of the [0, 1] image; std 1 if a channel never varies.

    Sums of whole numbers below 2^53: exact, whatever the order and the count of threads.
    """
    first, second = torch.zeros(2, split.pool.shape[1], dtype=torch.int64)
    for rows in split.rows.split(IMAGES_AT_ONCE):
        pixels = split.pool.index_select(0, rows).flatten(2).double()
        first += pixels.sum((0, 2)).long()
        second += pixels.square_().sum((0, 2)).long()
    count = len(split) * split.pool[0, 0].numel()
    sums = list(zip(first.tolist(), second.tolist(), strict=True))  # Python's integers do not overflow
    mean = [one / count / 255 for one, _ in sums]
    std = [((two * count - one * one) / count**2) ** 0.5 / 255 or 1.0 for one, two in sums]
    return torch.tensor(mean), torch.tensor(std)


def evenly(split: Split, most: int) -> Split:
    """Return at most `most` of a split's images, evenly spaced in its order."""
    count = min(most, len(split))
    return split.select(torch.arange(count) * len(split) // max(1, count))


def by_class(split: Split) -> bool:
    """Predicate: the images of a class follow one another, so that most batches have a single class."""
    labels = torch.as_tensor(split.labels)
    return labels.dim() == 1 and not bool((labels[1:] < labels[:-1]).any())


def mixed(split: Split, seed: int) -> Split:
    """Return a split whose batches have images of all classes: in random order if it comes class by class, as folders
    of images do, else as it stands. The statistics of a batch of one class are not those of the data.
    """
    if not by_class(split):
        return split
    return split.select(torch.randperm(len(split), generator=streams.generator(seed, "mixed")))
