"""ImageNet's classification set (Russakovsky et al., IJCV 2015), in folder form."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.transforms import v2

from dropgrid import checks
from dropgrid.data import image
from dropgrid.data.cache import digest_of
from dropgrid.data.folder import Listing, folder_of, in_turn
from dropgrid.data.index import indexed
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Files, Known, Rows, Splits
from dropgrid.data.stratified import divided, sizes_of


class ImageNet(AbstractSource):
    """Images in `root/train/<class>` and `root/val/<class>`, read as they are used.

    The published validation set is the test set here, since the published test labels are secret; our validation set
    is drawn by class from the training images. Training sees a random crop of 8 % to 100 % of the image, resized to
    crop × crop, mirrored half the time (He et al., 2016; torchvision's reference); evaluation the central crop once
    the shorter side is `resize`.

    Args:
        root: the folder.
        train: count of training images; None takes all that validation leaves.
        val: count of validation images, or share of the training folder; drawn before training's. `test`: the test
            images themselves, as in papers that report the best epoch on the evaluation set (optimistic).
        split_seed: of the draw; no part of a run's own seed.
        crop, resize: pixels.
        follow_links: to wherever they lead; else a link that leads out of the root is an error.
        mean, std: of each channel, in units of the [0, 1] image.
        cache: folder for the index of the files; nothing is decoded ahead.
    """

    def __init__(
        self,
        *,
        root: os.PathLike[str] | str | None,
        train: float | None,
        val: float | str,
        split_seed: int,
        crop: int,
        resize: int,
        follow_links: bool,
        mean: Sequence[float],
        std: Sequence[float],
        cache: os.PathLike[str] | str,
    ):
        for name, value in (("crop", crop), ("resize", resize)):
            checks.whole_number(f"data.{name}", value, 1, what="a whole number of pixels")
        if crop > resize:
            raise ValueError(f"data.crop={crop} is a crop larger than the image, whose shorter side is {resize} pixels")
        self.mean, self.std = image.constants("mean", mean, 3), image.constants("std", std, 3)
        self.root = folder_of("imagenet", root)
        for part in ("train", "val"):
            if not (self.root / part).is_dir():
                raise ValueError(f"{self.root} has no folder {part}/: wanted are train/<class>/ and val/<class>/")
        self.on_test = val == "test"
        self.wanted: dict[str, Any] = {"train": train, "val": 0 if self.on_test else val}
        self.follow_links = checks.boolean("data.follow_links", follow_links)
        self.split_seed = split_seed
        self.crop, self.resize = crop, resize
        self.cache = Path(cache) / "data"

    @cached_property
    def files(self) -> Listing:
        """All the images."""
        return indexed(self.root, ("train", "val"), self.cache, self.follow_links)

    @cached_property
    def rows(self) -> Rows:
        """Which image is in which split."""
        first, test = (np.flatnonzero(self.files.part == part) for part in (0, 1))
        drawn = divided(self.files.labels[first], self.split_seed, sizes_of(len(first), **self.wanted))
        if self.on_test:
            drawn["val"] = test
        return Rows(**drawn, test=test)

    def spec(self) -> Spec:
        return Spec(self.files.classes, 3, (self.crop, self.crop), *map(len, self.rows))

    def fingerprint(self) -> str:
        """Return a hash of the names and sizes of the files: 140 GB are not read. A file is checked as it is read."""
        return digest_of(chain(["imagenet"], in_turn(self.files.names), [self.files.stats[:, 0].tobytes()]))

    def left_out(self) -> Mapping[str, int]:
        return self.files.left_out

    def load(self) -> Splits:
        random = v2.Compose([v2.RandomResizedCrop(self.crop), v2.RandomHorizontalFlip()])
        every = Files(
            self.root,
            self.files.names,
            self.files.labels,
            Known(self.files.stats[:, 0]),
            evaluation=partial(image.read, channels=3, fit=partial(image.resized, resize=self.resize, crop=self.crop)),
            training=partial(image.read, channels=3, fit=random),
        )
        train, val, test = (every.select(torch.from_numpy(rows)) for rows in self.rows)
        return Splits(train, val, test, self.mean, self.std)
