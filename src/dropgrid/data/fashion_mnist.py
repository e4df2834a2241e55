"""Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017, arXiv 1708.07747): 28×28 grey images of 10 classes, 7,000 each."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from torchvision import datasets

from dropgrid.data.official import AbstractOfficial

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

LARGEST = 16 + 60_000 * 28 * 28
"""Bytes of the largest of them, unpacked."""


class FashionMnist(AbstractOfficial):
    """Reads `FashionMNIST/raw`, its files unpacked or as published (.gz); arguments as in `AbstractOfficial`.

    Differs from the published labels: they number the classes sorted by name, as in every other data set here. The
    fingerprint is that of the files, packed or not.
    """

    title = "Fashion-MNIST"
    train_total = 60_000
    test_total = 10_000
    channels = 1
    size = (28, 28)

    def wanted(self) -> list[Path]:
        unpacked = [self.root / "FashionMNIST" / "raw" / name for name in FILES]
        packed = [path.with_name(f"{path.name}.gz") for path in unpacked]
        return [two if two.is_file() and not one.is_file() else one for one, two in zip(unpacked, packed, strict=True)]

    def fetch(self) -> None:
        datasets.FashionMNIST(self.root, download=True)

    def names(self) -> list[str]:
        return list(datasets.FashionMNIST.classes)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        train_images, train_labels, test_images, test_labels = (read_idx(path) for path in self.files)
        return np.concatenate([train_images, test_images])[:, None], np.concatenate([train_labels, test_labels])


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file of bytes: 0, 0, 8, rank; the dimensions as big-endian int32; the data."""
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
