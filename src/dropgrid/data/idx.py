"""The common part of MNIST and Fashion-MNIST: 70,000 grey images of 28×28 in four files of the IDX format."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

from dropgrid.data.official import AbstractOfficial

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

LARGEST = 16 + 60_000 * 28 * 28
"""Bytes of the largest of them, unpacked."""


class AbstractIdx(AbstractOfficial):
    """60,000 training and 10,000 test images; arguments as in `AbstractOfficial`.

    The four files, unpacked or as published (.gz), lie in `root`/KIND/raw, as torchvision has them, or in `root`. The
    fingerprint is that of the files, packed or not.
    """

    train_total = 60_000
    test_total = 10_000
    channels = 1
    size = (28, 28)
    kind: type[MNIST]

    def wanted(self) -> list[Path]:
        usual = self.root / self.kind.__name__ / "raw"
        return packed_or_not(usual) or packed_or_not(self.root) or [usual / name for name in FILES]

    def fetch(self) -> None:
        self.kind(self.root, download=True)

    def names(self) -> list[str]:
        return list(self.kind.classes)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        train_images, train_labels, test_images, test_labels = (read_idx(path) for path in self.files)
        return np.concatenate([train_images, test_images])[:, None], np.concatenate([train_labels, test_labels])


def packed_or_not(folder: Path) -> list[Path] | None:
    """Return the four files of a folder, each unpacked if it is there so; None if one is missing."""
    found = []
    for name in FILES:
        there = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
        if not there:
            return None
        found.append(there[0])
    return found


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file of bytes: 0, 0, 8, rank; the dimensions as big-endian int32; the data."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError("it is larger than the published one")
        if data[:3] != b"\0\0\x08":
            raise ValueError("it is no IDX file of bytes")
        start = 4 + 4 * data[3]
        return np.frombuffer(data, np.uint8, offset=start).reshape(np.frombuffer(data[4:start], ">i4"))
    except (OSError, EOFError, zlib.error, IndexError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path} is corrupt ({error}); delete it and fetch it again") from error
