"""Synthetic images that a network can learn, for tests and dry runs: no file is read."""

import os
from functools import partial

import torch

from dropgrid import checks, streams
from dropgrid.data.cache import digest
from dropgrid.data.source import AbstractSource, MaskSpec, Spec
from dropgrid.data.split import Memory, Splits, moments

KINDS: dict[str, type[Spec]] = {"classes": Spec, "masks": MaskSpec}


class Fake(AbstractSource):
    """Each class a coarse pattern of its own, under noise: pixel = 128 + pattern ± noise, in whole numbers.

    Image i of a split is of class i mod `classes`, and the same images come on every machine. With masks each of an
    image's 4×4 parts has a class of its own, drawn at random, and that class's grey level in the place of a pattern.

    Args:
        targets: `classes`, one for each image, or `masks`, one for each pixel.
        classes, channels: how many.
        size: (H, W), or one number for both, in pixels.
        train, val, test: counts of images.
        noise: largest departure of a pixel, 0 to 63 grey levels of 255; the pattern's is 64.
        cache: not needed: nothing is read.
    """

    def __init__(
        self,
        *,
        targets: str,
        classes: int,
        channels: int,
        size: int | list[int],
        train: int,
        val: int,
        test: int,
        noise: int,
        cache: os.PathLike[str] | str,
    ):
        height, width = [size, size] if isinstance(size, int) else size
        for name, value, least in (
            ("classes", classes, 2),
            ("channels", channels, 1),
            ("size", height, 1),
            ("size", width, 1),
            ("train", train, 1),
            ("val", val, 0),
            ("test", test, 1),
            ("noise", noise, 0),
        ):
            checks.whole_number(f"data.{name}", value, least)
        if noise > 63:
            raise ValueError(f"data.noise must be at most 63 grey levels, got {noise!r}")
        digits = len(str(classes - 1))
        names = tuple(f"{k:0{digits}d}" for k in range(classes))
        self.noise = noise
        kind = KINDS[checks.one_of("data.targets", targets, KINDS)]
        self.about = kind(names, channels, (height, width), train, val, test)

    def spec(self) -> Spec:
        return self.about

    def fingerprint(self) -> str:
        return digest("fake", repr((self.about, self.noise)))

    def load(self) -> Splits:
        train = self.draw("train", self.about.train)
        return Splits(train, self.draw("val", self.about.val), self.draw("test", self.about.test), *moments(train))

    def draw(self, split: str, count: int) -> Memory:
        """The images of one split."""
        channels, (height, width) = self.about.channels, self.about.size
        whole = partial(torch.randint, dtype=torch.int16)
        masked = self.about.targets == "masks"
        side = 1 if masked else 4
        patterns = torch.stack(
            [
                whole(-64, 65, (channels, side, side), generator=streams.generator(0, "fake", name))
                for name in self.about.classes
            ]
        )
        generator = streams.generator(0, "fake", split)
        rows, columns = torch.arange(height) * 4 // height, torch.arange(width) * 4 // width
        if masked:
            parts = torch.randint(len(self.about.classes), (count, 4, 4), generator=generator)
            labels = parts[:, rows][:, :, columns].to(torch.uint8)
            clean = 128 + patterns[:, :, 0, 0][labels.long()].permute(0, 3, 1, 2)
        else:
            labels = torch.arange(count) % len(self.about.classes)
            clean = (128 + patterns[:, :, rows][:, :, :, columns])[labels]
        noise = whole(-self.noise, self.noise + 1, (count, channels, height, width), generator=generator)
        return Memory((clean + noise).to(torch.uint8), labels)
