"""The interface of a data option."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from dropgrid.data.split import Splits


class Spec(NamedTuple):
    """The facts on a data set that a network and a plan need before its images are read.

    `classes` are the names, sorted, that the labels 0, 1, … number; `size` is (H, W) in pixels; `train`, `val` and
    `test` count images.
    """

    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]
    train: int
    val: int
    test: int


class AbstractSource(ABC):
    """A data set with its splits. Constructors take the arguments of the YAML, and `cache`, a folder of our own.

    Whatever is wrong with arguments or files (missing, corrupt, too few for the split) is a ValueError of one line
    that names it.
    """

    @abstractmethod
    def spec(self) -> Spec:
        """Classes, shape and counts; decodes no image."""

    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits of the sha256 of the content: the same wherever it lies, another for other images."""

    @abstractmethod
    def load(self) -> Splits:
        """The images: training, validation, test."""

    def prepare(self) -> None:
        """Read all that `load` needs into the cache, before anything trains, so that a bad file is named first."""
        self.load()
