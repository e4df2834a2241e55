"""From an image file to a uint8 tensor of a fixed size."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

MODES = {1: "L", 3: "RGB"}

Fit = Callable[[Image.Image], Image.Image]


def read(path: Path, *, channels: int, fit: Fit) -> Tensor:
    """Decode a file: uint8 (channels, H, W) of the size that `fit` gives; ValueError names the file it cannot.

    Grey is made RGB and the reverse, transparency is dropped; deeper than 8 bits is refused.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are {image.mode}, and only 8 bits a channel are read")
            pixels: Tensor = F.pil_to_tensor(fit(image.convert(MODES[channels])))
            return pixels
    except Exception as error:  # PIL raises whatever its decoder happened on: OSError, SyntaxError, struct.error, …
        raise ValueError(f"cannot read the image {path}: {error}") from error


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) of a file, from its header."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:
        raise ValueError(f"cannot read the image {path}: {error}") from error


def as_it_is(image: Image.Image, *, size: tuple[int, int]) -> Image.Image:
    """Return the image unchanged; ValueError unless it is (H, W) = `size`."""
    if (image.height, image.width) != size:
        raise ValueError(
            f"it is {image.height}×{image.width}, the first one {size[0]}×{size[1]}: set data.size to resize all"
        )
    return image


def resized(image: Image.Image, *, resize: int, crop: int) -> Image.Image:
    """Return the central crop × crop pixels once the shorter side is `resize` (bilinear, antialiased)."""
    cropped: Image.Image = F.center_crop(F.resize(image, [resize]), [crop])
    return cropped


def constants(name: str, values: Sequence[float], channels: int) -> Tensor:
    """Return a mean or standard deviation given as numbers, float32 (channels,)."""
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != channels:
        raise ValueError(f"data.{name} must be {channels} numbers, one for each channel, got {values!r}")
    if name == "std" and not all(value > 0 for value in values):
        raise ValueError(f"data.std must be above 0, got {list(values)!r}")
    return torch.tensor(values, dtype=torch.float32)
