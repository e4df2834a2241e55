"""Data sets that lie inside an installed package: no root, no download."""

import os
from abc import abstractmethod
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dropgrid.data import cache as caching
from dropgrid.data.content import Content, current_content, refuse_changed
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Rows, Splits, in_memory
from dropgrid.data.stratified import divided, sizes_of
from dropgrid.files import stats_of


def package_file(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ValueError(f"the package {package}, which holds these images, is not installed")
    return Path(found.origin).parent / path


class AbstractEmbedded(AbstractSource):
    """A small grey data set, divided by class with fixed sizes.

    The test set depends on `test` and `split_seed` alone; validation is drawn next, training last.

    Args:
        train, val, test: counts of images, or shares of them; `train=None` takes what the others leave.
        split_seed: of the division; no part of a run's own seed.
        cache: folder for the parsed arrays.
    """

    classes = tuple("0123456789")
    total: int
    size: tuple[int, int]

    def __init__(self, *, train: float | None, val: float, test: float, split_seed: int, cache: os.PathLike[str] | str):
        self.sizes = sizes_of(self.total, train=train, val=val, test=test)
        self.split_seed = split_seed
        self.cache = Path(cache) / "data"

    @property
    @abstractmethod
    def file(self) -> Path:
        """The file in the package."""

    @abstractmethod
    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, H, W) in 0..255, labels (N,)."""

    def spec(self) -> Spec:
        return Spec(self.classes, 1, self.size, **self.sizes)

    def fingerprint(self) -> str:
        return self.content.fingerprint

    @cached_property
    def content(self) -> Content:
        """What the file holds, found once."""
        return current_content(
            self.file.parent, [os.fsencode(self.file.name)], np.array([stats_of(self.file.stat())]), self.cache
        )

    def load(self) -> Splits:
        arrays = caching.arrays(self.cache, self.content.fingerprint, ("images", "labels"), self.decode)
        rows = divided(arrays["labels"], self.split_seed, self.sizes)
        return in_memory(arrays["images"], arrays["labels"], Rows(**rows))

    def decode(self) -> dict[str, np.ndarray]:
        """Return the arrays to cache: images (N, 1, H, W) uint8 and labels (N,) int64."""
        images, labels = self.read()
        assert images.shape == (self.total, *self.size) and labels.shape == (self.total,)
        refuse_changed(self.file.parent, self.content)
        return {"images": images[:, None].round().astype(np.uint8), "labels": labels.astype(np.int64)}
