"""The interface of a data option."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dropgrid.data.folder import counted, listed, printable
from dropgrid.data.split import Files, Split, Splits


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

    @property
    def targets(self) -> str:
        """What is known of an image: `classes`, one for all of it, or `masks`, one for each pixel."""
        return "classes"


class MaskSpec(Spec):
    """The facts on a data set with masks: class 0 is the background, `NO_CLASS` none."""

    @property
    def targets(self) -> str:
        return "masks"


class AbstractSource(ABC):
    """A data set with its splits. Constructors take the arguments of the YAML, and `cache`, a folder of our own.

    Whatever is wrong with arguments or files (missing, corrupt, too few for the split) is a ValueError that names it,
    one line a file.
    """

    @abstractmethod
    def spec(self) -> Spec:
        """Classes, shape and counts; decodes no image."""

    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits of the sha256 of the content: the same wherever it lies, another for other images."""

    @abstractmethod
    def load(self) -> Splits:
        """The images: training, validation, test; those that the fingerprint is of, or an error."""

    def prepare(self) -> Splits:
        """Load, with all that cells will read in the cache, so that bad files are named before anything trains."""
        return self.load()

    def differing(self, planned: str) -> str:
        """Return which files are not those of another fingerprint, as far as is known; empty if it is not."""
        return ""

    def left_out(self) -> Mapping[str, int]:
        """Return kind -> count of the files that lie beside the images and are not read: `.txt`, `loose .jpg`."""
        return {}

    def notes(self) -> list[str]:
        """Return what the user should know of images that are read, a line each; of a prepared set."""
        return []


CLASSES_SHOWN, FIRST = 10, 3
"""The most classes of which all are listed; of more, how many."""


def described(source: AbstractSource, splits: Splits) -> list[str]:
    """Return what was understood of a prepared data set, in lines; the first is
    `3 classes (cat 20, dog 20, owl 20); train 42, val 6, test 12; left out: 24 .txt`.

    Raises:
        ValueError: a class has no training image.
    """
    names = source.spec().classes
    parts = {key: torch.as_tensor(getattr(splits, key).labels) for key in ("train", "val", "test")}
    counts = {key: images_of_classes(labels, len(names)) for key, labels in parts.items()}
    if absent := [name for name, count in zip(names, counts["train"], strict=True) if not count]:
        raise ValueError(f"no training image of {listed(absent)}: give each class more images, or leave it out")
    once = ["train", "test"] if same_images(splits.val, splits.test) else list(parts)
    totals = [sum(each) for each in zip(*(counts[key] for key in once), strict=True)]
    shown = len(names) if len(names) <= CLASSES_SHOWN else FIRST
    each = ", ".join(f"{name} {total}" for name, total in zip(names[:shown], totals, strict=False))
    sizes = ", ".join(f"{key} {len(labels)}" for key, labels in parts.items())
    left_out = counted(source.left_out())
    lines = [
        f"{len(names)} classes ({each}{', …' if shown < len(names) else ''}); {sizes}"
        + (f"; left out: {left_out}" if left_out else "")
    ]
    for key, words in (("val", "validation"), ("test", "test")):
        absent = [name for name, count in zip(names, counts[key], strict=True) if not count]
        if absent and len(parts[key]):
            lines.append(f"note: no {words} image of {listed(absent)}")
    return [printable(line) for line in (*lines, *source.notes())]


def images_of_classes(labels: Tensor, classes: int) -> list[int]:
    """Return how many images have each class as their label, or somewhere in their mask."""
    if labels.dim() == 1:
        return labels.bincount(minlength=classes).tolist()
    return [int((labels == each).flatten(1).any(1).sum()) for each in range(classes)]


def same_images(one: Split, other: Split) -> bool:
    """Predicate: two splits read from disk are of the same files."""
    return isinstance(one, Files) and isinstance(other, Files) and np.array_equal(one.names, other.names)
