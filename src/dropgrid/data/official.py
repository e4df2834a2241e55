"""Published data sets with a test set of their own, read in torchvision's layout from a local copy or a download."""

import os
from abc import abstractmethod
from functools import cached_property
from pathlib import Path

import numpy as np

from dropgrid import checks
from dropgrid.data import cache as caching
from dropgrid.data.content import Content, current_content, differing, refuse_changed
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Rows, Splits, in_memory
from dropgrid.data.stratified import divided, sizes_of
from dropgrid.files import stats_of


class AbstractOfficial(AbstractSource):
    """A data set whose test set is the published one; validation is drawn from its training images, by class.

    Args:
        root: folder that holds the files in torchvision's layout; None is the cache, or an installed package.
        download: fetch into that folder what is not there.
        train: count of training images; None takes all that validation leaves.
        val: count of validation images, or share of the published training images; drawn before training's.
        split_seed: of the draw; no part of a run's own seed.
        cache: folder for downloads and decoded arrays.
    """

    title: str
    train_total: int
    test_total: int
    channels: int
    size: tuple[int, int]
    installed: Path | None = None
    """Where a package of the system puts the files, which are read if `root` is None and the cache has none."""
    package: str = ""
    """The command that installs that package."""

    def __init__(
        self,
        *,
        root: os.PathLike[str] | str | None,
        download: bool,
        train: float | None,
        val: float,
        split_seed: int,
        cache: os.PathLike[str] | str,
    ):
        self.download = checks.boolean("data.download", download)
        self.sizes = sizes_of(self.train_total, train=train, val=val)
        self.root = (Path(cache) / "downloads" if root is None else Path(root).expanduser()).resolve()
        self.split_seed = split_seed
        self.cache = Path(cache) / "data"
        if root is None and self.installed is not None and self.installed.is_dir() and self.missing():
            self.root = self.installed

    @abstractmethod
    def wanted(self) -> list[Path]:
        """The files of the data set, there or not."""

    @abstractmethod
    def fetch(self) -> None:
        """Download the files; OSError or RuntimeError if that fails."""

    @abstractmethod
    def names(self) -> list[str]:
        """The classes, in the order of the published labels."""

    @abstractmethod
    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, C, H, W) uint8 and published labels (N,): the training images, then the test images."""

    @cached_property
    def files(self) -> list[Path]:
        """The files, all there."""
        if self.missing() and self.download:
            try:
                self.fetch()
            except (OSError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                raise ValueError(f"cannot download {self.title} into {self.root}: {reason}") from error
        if missing := self.missing():
            raise ValueError(
                f"{self.title} is not in {self.root}: {missing[0]} is missing; "
                f"say where it is with data.root=FOLDER, {f'{self.package}, ' * bool(self.package)}or fetch it with "
                "data.download=true"
            )
        return self.wanted()

    def missing(self) -> list[str]:
        """Names of the files that are not there."""
        return [os.path.relpath(path, self.root) for path in self.wanted() if not path.is_file()]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes, sorted; our labels number them so."""
        return tuple(sorted(self.names()))

    def spec(self) -> Spec:
        return Spec(self.classes, self.channels, self.size, **self.sizes, test=self.test_total)

    def fingerprint(self) -> str:
        return self.content.fingerprint

    @cached_property
    def content(self) -> Content:
        """What the files hold, found once."""
        stats = np.array([stats_of(path.stat()) for path in self.files])
        names = [os.fsencode(os.path.relpath(path, self.root)) for path in self.files]
        return current_content(self.root, names, stats, self.cache)

    def differing(self, planned: str) -> str:
        return differing(self.cache, planned, self.content)

    def load(self) -> Splits:
        arrays = caching.arrays(self.cache, self.content.fingerprint, ("images", "labels"), self.decode)
        labels = arrays["labels"]
        drawn = divided(labels[: self.train_total], self.split_seed, self.sizes)
        rows = Rows(**drawn, test=np.arange(self.train_total, len(labels)))
        return in_memory(arrays["images"], labels, rows)

    def decode(self) -> dict[str, np.ndarray]:
        """Return the arrays to cache: images (N, C, H, W) uint8, labels (N,) int64 that number the sorted classes."""
        images, published = self.read()
        expected = (self.train_total + self.test_total, self.channels, *self.size)
        if images.shape != expected or published.shape != expected[:1]:
            raise ValueError(f"{self.title} in {self.root} has images of shape {images.shape}, published is {expected}")
        refuse_changed(self.root, self.content)
        ours = np.array([self.classes.index(name) for name in self.names()])
        return {"images": images, "labels": ours[published].astype(np.int64)}
