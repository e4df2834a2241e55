"""Any folder of images and masks, a class for each pixel."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dropgrid import checks
from dropgrid.cores import cores
from dropgrid.data import cache as caching
from dropgrid.data import image
from dropgrid.data.content import Content, current_content, differing, refuse_changed
from dropgrid.data.folder import Check, Progress, extension, folder_of, listed, stay
from dropgrid.data.image_folder import decode_all, parts_of
from dropgrid.data.source import AbstractSource, MaskSpec, Spec
from dropgrid.data.split import NO_CLASS, Rows, Splits, in_memory
from dropgrid.data.stratified import divided, sizes_of
from dropgrid.files import stats_of

GREY = ("L", "P", "1")
"""Modes of a mask whose pixels are numbers."""


class Pair(NamedTuple):
    """An image and its mask, under the root."""

    pixels: str
    mask: str


class MaskFolder(AbstractSource):
    """Images and masks that have the same name but for the extension, in two folders; a mask's pixels number classes.

    Splits are lists of names, the first word of each line, or folders `train`, `test` and maybe `val` (spelled as in
    `ImageFolder`) that hold both folders, or are drawn: first test, then val. What has neither a list nor a folder is
    drawn from the training images, or from all. An image is shrunk (bilinear; its mask by the nearest pixel) until its
    longer side is `size`, smaller ones stay, and padded below and at the right by black pixels that have no class. The
    set lives in memory, mapped from the cache.

    Args:
        root: the folder.
        images, masks: folders in it, or in those of the splits.
        lists: split -> file of names, in the root; train and test, or none.
        classes: names, the background first.
        values: of a mask's pixels, one for each class; None is 0, 1, ….
        ignored: values of pixels that have no class, which are neither trained on nor counted.
        size: side of the square in pixels.
        train, val, test: counts of images, or shares below 1 of those that are divided; `train=None` takes what the
            others leave. `val` and `test` say nothing where there is a list or a folder.
        split_seed: of the draw; no part of a run's own seed.
        follow_links: to wherever they lead; else a link that leads out of the root is an error.
        cache: folder for decoded arrays.

    """

    option = "mask_folder"

    def __init__(
        self,
        *,
        root: os.PathLike[str] | str | None,
        images: str,
        masks: str,
        lists: Mapping[str, str] | None,
        classes: Sequence[str],
        values: Sequence[int] | None,
        ignored: Sequence[int],
        size: int,
        train: float | None,
        val: float,
        test: float,
        split_seed: int,
        follow_links: bool,
        cache: os.PathLike[str] | str,
    ):
        self.root = folder_of(self.option, root)
        self.images, self.masks = images, masks
        self.lists = {key: each for key, each in (lists or {}).items() if each is not None}
        if self.lists and not {"train", "test"} <= {*self.lists} <= {"train", "val", "test"}:
            raise ValueError(f"data.lists must name files for train, test and maybe val, got {', '.join(self.lists)}")
        if isinstance(classes, str) or len(classes) < 2 or not all(isinstance(each, str) for each in classes):
            raise ValueError(f"data.classes must be the names of two classes or more, got {classes!r}")
        self.classes = tuple(classes)
        self.numbers = numbers_of(values, ignored, self.classes)
        self.size = checks.whole_number("data.size", size, 1, what="a whole number of pixels")
        self.wanted = {"train": train, "val": val, "test": test}
        self.split_seed = split_seed
        self.check: Check = partial(stay, self.root)
        if checks.boolean("data.follow_links", follow_links):
            self.check = lambda _: None
        self.cache = Path(cache) / "data"

    @cached_property
    def pairs(self) -> dict[str, list[Pair]]:
        """Split -> its images with their masks, training first; {"": all} if all splits are drawn."""
        if not self.lists:
            parts = parts_of(self.root, otherwise=f"{self.images}/ and {self.masks}/")
            return {role: self.paired(part) for role, part in parts.items()}
        every = {Path(each.mask).stem: each for each in self.paired("")}
        found: dict[str, list[Pair]] = {}
        for split in (each for each in ("train", "val", "test") if each in self.lists):
            names = self.names_in(self.lists[split])
            if absent := [name for name in names if name not in every]:
                raise ValueError(f"{self.root}/{self.lists[split]} lists {listed(absent)}, without image or mask")
            taken = {pair for other in found.values() for pair in other}
            if twice := [name for name in names if every[name] in taken]:
                raise ValueError(f"{self.root}/{self.lists[split]} lists {listed(twice)}, as another split does")
            found[split] = [every[name] for name in names]
        return found

    def names_in(self, name: str) -> list[str]:
        """Return the names of a list, in its order; ValueError if it cannot be read or leads out of the root."""
        path = self.root / name
        if not path.resolve().is_relative_to(self.root):
            self.check(path)
            raise ValueError(f"data.lists: {name} leads out of {self.root}")
        try:
            found = [line.split()[0] for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read {path}: {error}") from error
        if not found:
            raise ValueError(f"{path} lists no image")
        return list(dict.fromkeys(found))

    def paired(self, part: str) -> list[Pair]:
        """Return the images of a part that have a mask, by name; ValueError if there is none, or a mask has none."""
        pixels, masks = (dict(self.images_in(Path(part, each))) for each in (self.images, self.masks))
        if absent := [name for name in masks if name not in pixels] if not self.lists else []:
            raise ValueError(f"{self.root / part / self.images} has no image for the masks {listed(sorted(absent))}")
        found = [Pair(pixels[name], masks[name]) for name in sorted(masks) if name in pixels]
        if not found:
            raise ValueError(f"{self.root / part / self.masks} has no masks that Pillow reads")
        return found

    def images_in(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield name and path under the root of each image file in a folder; hidden ones are no data."""
        try:
            self.check(self.root / folder)
            entries = sorted(os.listdir(self.root / folder))
        except OSError as error:
            raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error
        for name in entries:
            if not name.startswith(".") and extension(name) in image.extensions():
                self.check(self.root / folder / name)
                yield Path(name).stem, str(folder / name)

    @cached_property
    def every(self) -> list[Pair]:
        """Return all pairs, split by split."""
        return [pair for each in self.pairs.values() for pair in each]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Return the counts of the splits drawn from the first part."""
        first, *given = self.pairs
        return sizes_of(len(self.pairs[first]), **{k: each for k, each in self.wanted.items() if k not in given})

    def spec(self) -> Spec:
        given = {name: len(each) for name, each in [*self.pairs.items()][1:]}
        return MaskSpec(self.classes, 3, (self.size, self.size), **self.sizes, **given)

    def fingerprint(self) -> str:
        return self.content.fingerprint

    @cached_property
    def content(self) -> Content:
        """What the files hold, found once: those of images, masks and lists."""
        names = sorted({*(each for pair in self.every for each in pair), *self.lists.values()})
        stats = np.array([stats_of((self.root / name).stat()) for name in names])
        return current_content(self.root, [os.fsencode(name) for name in names], stats, self.cache)

    def differing(self, planned: str) -> str:
        return differing(self.cache, planned, self.content)

    def load(self) -> Splits:
        about = caching.digest(repr((self.size, self.numbers.tolist(), self.every)))
        key = f"{self.content.fingerprint}-{about}-{image.VERSIONS}"
        made = caching.arrays(self.cache, key, ("images", "masks"), self.decode)
        first, *given = np.split(
            np.arange(len(self.every)), np.cumsum([len(each) for each in self.pairs.values()])[:-1]
        )
        drawn = divided(np.zeros(len(first), np.int64), self.split_seed, self.sizes)
        rows = Rows(**drawn, **dict(zip([*self.pairs][1:], given, strict=True)))
        return in_memory(made["images"], made["masks"], rows)

    def decode(self) -> dict[str, np.ndarray]:
        """Return the arrays to cache: `images` (N, 3, size, size) and `masks` (N, size, size), both uint8."""
        count, side = len(self.every), self.size
        images = np.zeros((count, 3, side, side), np.uint8)
        masks = np.full((count, side, side), NO_CLASS, np.uint8)

        def one(index: int) -> None:
            path, mask = (self.root / each for each in self.every[index])
            shown = image.read(path, image.bytes_of(path), channels=3, fit=partial(shrunk, side=side))
            labels = self.labels(mask, image.size_of(path))
            height, width = labels.shape
            images[index, :, :height, :width] = shown.numpy()
            masks[index, :height, :width] = labels

        decode_all(one, count, cores(), Progress(self.root, "reading"))
        refuse_changed(self.root, self.content)
        return {"images": images, "masks": masks}

    def labels(self, path: Path, size: tuple[int, int]) -> np.ndarray:
        """Return a mask's classes, shrunk, uint8 (H, W); ValueError unless it can be read and has the image's size and
        known values."""
        data = image.bytes_of(path)
        try:
            mask = Image.open(BytesIO(data))
            mask.load()
        except Exception as error:  # PIL raises whatever its decoder happened on
            raise ValueError(f"cannot read the mask {path}: {error or type(error).__name__}") from error
        if mask.mode not in GREY:
            raise ValueError(f"the mask {path} has mode {mask.mode}: wanted is one number a pixel, grey or palette")
        if (mask.height, mask.width) != size:
            raise ValueError(f"the mask {path} is {mask.height}×{mask.width}, its image {size[0]}×{size[1]}")
        found = self.numbers[np.asarray(shrunk(mask, side=self.size, nearest=True), dtype=np.uint8)]
        if (found < 0).any():
            strange = sorted({*np.asarray(mask, dtype=np.uint8).flat} & {*np.flatnonzero(self.numbers < 0)})
            raise ValueError(
                f"the mask {path} has pixels of {listed([str(each) for each in strange])}, which are neither "
                f"among the values of the {len(self.classes)} data.classes nor data.ignored; see data.values"
            )
        return found.astype(np.uint8)


def numbers_of(values: Sequence[int] | None, ignored: Sequence[int], classes: Sequence[str]) -> np.ndarray:
    """Return of each value of a mask's pixels its class, `NO_CLASS` or -1, int64 (256,)."""
    chosen = list(range(len(classes))) if values is None else [*checks.whole_numbers("data.values", values, 0)]
    without = [*checks.whole_numbers("data.ignored", ignored, 0)] if ignored else []
    if len(chosen) != len(classes) or len(classes) > NO_CLASS:
        raise ValueError(f"data.values must be {len(classes)} numbers, one for each class, got {len(chosen)}")
    every = [*chosen, *without]
    if len({*every}) < len(every) or max(every) > 255:
        raise ValueError(f"data.values and data.ignored must be different numbers up to 255, got {chosen}, {without}")
    found = np.full(256, -1)
    found[without] = NO_CLASS
    found[chosen] = np.arange(len(chosen))
    return found


def shrunk(picture: Image.Image, *, side: int, nearest: bool = False) -> Image.Image:
    """Return a picture whose longer side is at most `side`; bilinear (antialiased), or by the nearest pixel."""
    longer = max(picture.size)
    if longer <= side:
        return picture
    width, height = (max(1, round(each * side / longer)) for each in picture.size)
    return picture.resize((width, height), Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR)
