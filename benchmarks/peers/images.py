"""The demo's images, as each peer reads them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dropgrid.data.mnist5k import Mnist5k


class Images(NamedTuple):
    """The test images, uint8 (N, 28, 28), with their labels; mean and std of the training images in 0..1."""

    test: np.ndarray
    test_labels: np.ndarray
    mean: float
    std: float


def export(count: int, npz: Path, png: Path, cache: Path) -> Images:
    """Write `count` + 500 + 2500 images: one .npz file, and PNG files in folders by split and class."""
    splits = Mnist5k(train=count, val=500, test=2500, split_seed=0, cache=cache).load()
    arrays: dict[str, np.ndarray] = {}
    for part, split in {"train": splits.train, "validation": splits.val, "test": splits.test}.items():
        images, labels = split.images[:, 0].numpy(), split.labels.numpy()
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = png / part / str(label) / f"{index:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    mean, std = splits.mean.item(), splits.std.item()
    np.savez(npz, mean=mean, std=std, **arrays)
    return Images(arrays["test_images"], arrays["test_labels"], mean, std)
