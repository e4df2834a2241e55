"""Composed scenes: digits or clothes of other data sets, placed on crops of two photographs, with exact masks."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dropgrid import checks, streams
from dropgrid.data import cache as caching
from dropgrid.data import image
from dropgrid.data.content import current_content
from dropgrid.data.embedded import package_file
from dropgrid.data.fashion_mnist import FashionMnist
from dropgrid.data.mnist import Mnist
from dropgrid.data.mnist5k import Mnist5k
from dropgrid.data.source import AbstractSource, MaskSpec, Spec
from dropgrid.data.split import Memory, Splits, moments
from dropgrid.files import stats_of

ITEMS: dict[str, type[Mnist5k] | type[Mnist] | type[FashionMnist]] = {
    "mnist5k": Mnist5k,
    "mnist": Mnist,
    "fashion_mnist": FashionMnist,
}
"""Grey images of 28×28 on black, of 10 classes."""

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
"""Of scikit-learn, 427×640 pixels each."""

COLUMNS = {"train": (0, 384), "val": (384, 512), "test": (512, 640)}
"""The part of both photographs that is background in each split."""

OPAQUE = 128
"""A pixel with this opacity or more, of 255, belongs to the item."""

MOST_HIDDEN = 0.1
"""The largest share of an item's pixels that may lie on those of earlier items."""

TRIES = 10


class Scene(NamedTuple):
    """Pixels uint8 (3, H, W), and a class for each pixel, uint8 (H, W), 0 for the background."""

    pixels: np.ndarray
    mask: np.ndarray


class ComposedScenes(AbstractSource):
    """Scenes of several items on natural clutter, whose masks are exact because the scenes are composed.

    A background is cut from one of two photographs and mirrored in half of the scenes. Each item is an image of another
    data set, resized (bilinear), coloured by a random tint, and placed where at most a tenth of it hides earlier ones;
    an intensity of i of 255 has the opacity min(255, 2i), and pixels of opacity 128 or more are the item's. Items and
    backgrounds of a split occur in no other: items are of the same split of their data set, backgrounds of different
    columns of the photographs. The same scenes come on every machine, and more of them begin with the same.

    Args:
        items: mnist5k, mnist or fashion_mnist.
        root, download: of the files of mnist or fashion_mnist, as in their YAML; mnist5k has none.
        size: side of a scene in pixels, at most 128.
        item_size: smallest and largest side of an item in pixels, its black border included.
        count: fewest and most items of a scene; one for which no place is found is left out.
        train, val, test: counts of scenes.
        split_seed: of the items' split and of the scenes; independent of `seed`.
        cache: folder for the items' arrays and the scenes.
    """

    def __init__(
        self,
        *,
        items: str,
        root: os.PathLike[str] | str | None,
        download: bool,
        size: int,
        item_size: Sequence[int],
        count: Sequence[int],
        train: int,
        val: int,
        test: int,
        split_seed: int,
        cache: os.PathLike[str] | str,
    ):
        kind = ITEMS[checks.one_of("data.items", items, ITEMS)]
        checks.whole_number("data.size", size, 16, 128, what="a whole number of pixels")
        for name, value, least in (("train", train, 1), ("val", val, 0), ("test", test, 1)):
            checks.whole_number(f"data.{name}", value, least)
        self.item_size = pair_of("data.item_size", item_size, least=8, most=size)
        self.count = pair_of("data.count", count, least=1, most=32)
        given: Mapping[str, Any] = {"split_seed": split_seed, "cache": cache}
        if issubclass(kind, Mnist5k):
            self.items: AbstractSource = kind(train=None, val=0.2, test=0.2, **given)
        else:
            self.items = kind(root=root, download=download, train=None, val=10000, **given)
        self.named, self.split_seed, self.cache = items, split_seed, Path(cache) / "data"
        self.about = MaskSpec(("background", *self.items.spec().classes), 3, (size, size), train, val, test)

    def spec(self) -> Spec:
        return self.about

    def fingerprint(self) -> str:
        about = repr((*self.about, self.item_size, self.count, self.split_seed))
        return caching.digest("composed_scenes", about, self.items.fingerprint(), self.photographs_content)

    @cached_property
    def photographs_content(self) -> str:
        """The fingerprint of the photographs."""
        folder = package_file("sklearn", "datasets/images")
        stats = np.array([stats_of((folder / name).stat()) for name in PHOTOGRAPHS])
        return current_content(folder, [os.fsencode(name) for name in PHOTOGRAPHS], stats, self.cache).fingerprint

    def differing(self, planned: str) -> str:
        return self.items.differing(planned)

    def notes(self) -> list[str]:
        return [f"composed scenes: images of {self.named} on crops of two photographs; every mask is exact"]

    def load(self) -> Splits:
        names = [f"{split}_{part}" for split in COLUMNS for part in ("pixels", "masks")]
        made = caching.arrays(self.cache, f"{self.fingerprint()}-{image.VERSIONS}", names, self.compose)
        train, val, test = (
            Memory(torch.from_numpy(made[f"{split}_pixels"]), torch.from_numpy(made[f"{split}_masks"]))
            for split in COLUMNS
        )
        return Splits(train, val, test, *moments(train))

    def compose(self) -> dict[str, np.ndarray]:
        """Return the pixels and masks of each split."""
        items = self.items.load()
        photographs = read_photographs()
        found: dict[str, np.ndarray] = {}
        for split, (first, last) in COLUMNS.items():
            source: Memory = getattr(items, split)
            backgrounds = [each[:, first:last] for each in photographs]
            scenes = [self.scene(split, number, source, backgrounds) for number in range(getattr(self.about, split))]
            size = self.about.size
            found[f"{split}_pixels"] = np.array([each.pixels for each in scenes], np.uint8).reshape(-1, 3, *size)
            found[f"{split}_masks"] = np.array([each.mask for each in scenes], np.uint8).reshape(-1, *size)
        return found

    def scene(self, split: str, number: int, items: Memory, backgrounds: Sequence[np.ndarray]) -> Scene:
        """Return one scene; its random numbers depend on its split and number alone."""
        draw = Draw(streams.generator(self.split_seed, "composed_scenes", split, number))
        side = self.about.size[0]
        photograph = backgrounds[draw.below(len(backgrounds))]
        top, left = (draw.below(extent - side + 1) for extent in photograph.shape[:2])
        background = photograph[top : top + side, left : left + side].astype(np.int64)
        pixels = np.array(background[:, ::-1] if draw.below(2) else background)
        mask = np.zeros((side, side), np.uint8)
        for _ in range(draw.between(*self.count)):
            row = items.rows[draw.below(len(items))]
            tint = np.array([draw.below(256) for _ in range(3)])
            opacity = opacity_of(items.pool[row, 0], draw.between(*self.item_size))
            for _ in range(TRIES):
                top, left = (draw.below(side - len(opacity) + 1) for _ in range(2))
                place = np.s_[top : top + len(opacity), left : left + len(opacity)]
                own = opacity >= OPAQUE
                if own.any() and (own & (mask[place] > 0)).sum() <= MOST_HIDDEN * own.sum():
                    shade = opacity[:, :, None]
                    pixels[place] = (pixels[place] * (255 - shade) + tint * shade + 127) // 255
                    mask[place][own] = 1 + int(items.pool_labels[row])
                    break
        return Scene(pixels.astype(np.uint8).transpose(2, 0, 1), mask)


class Draw:
    """Whole numbers from a generator."""

    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def below(self, count: int) -> int:
        """Return a number from 0 to count - 1."""
        return int(torch.randint(count, (), generator=self.generator))

    def between(self, least: int, most: int) -> int:
        """Return a number from `least` to `most`."""
        return least + self.below(most - least + 1)


def pair_of(key: str, values: Sequence[int], least: int, most: int) -> tuple[int, int]:
    """Return the smallest and the largest of a range; ValueError unless both are within limits and in order."""
    found = checks.whole_numbers(key, values)
    if len(found) != 2 or not least <= found[0] <= found[1] <= most:
        raise ValueError(f"{key} must be [smallest, largest], within {least} and {most}, got {list(values)}")
    return found[0], found[1]


def opacity_of(item: Tensor, side: int) -> np.ndarray:
    """Return the opacity of an item (28, 28) resized to side × side, int64, 0 to 255."""
    resized = Image.fromarray(item.numpy()).resize((side, side), Image.Resampling.BILINEAR)
    return np.minimum(255, 2 * np.asarray(resized, dtype=np.int64))


def read_photographs() -> list[np.ndarray]:
    """Return the photographs, uint8 (H, W, 3)."""
    folder = package_file("sklearn", "datasets/images")
    return [np.asarray(Image.open(folder / name).convert("RGB")) for name in PHOTOGRAPHS]
