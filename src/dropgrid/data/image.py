"""From an image file to a uint8 tensor of a fixed size."""

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import PIL
import torch
import torchvision
from PIL import ExifTags, Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as F

MODES = {1: "L", 3: "RGB"}

VERSIONS = f"pillow{PIL.__version__}-torchvision{torchvision.__version__}"
"""The packages that decide pixels: what others decoded is not taken from a cache."""

UNREAD = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
"""Formats that Pillow tells apart, and reads with other programs or not at all."""

TURNED = range(2, 9)
"""EXIF orientations that are not upright; from 5 on height and width are swapped."""

Fit = Callable[[Image.Image], Image.Image]


@cache
def extensions() -> frozenset[str]:
    """Return the extensions of the files that Pillow reads, in lower case, with their dot."""
    found = Image.registered_extensions().items()
    return frozenset({each for each, kind in found if kind in Image.OPEN and kind not in UNREAD} | {".mpo"})


class Decoded(NamedTuple):
    """An image as uint8 (channels, H, W), and whether it has an EXIF orientation that was not applied."""

    pixels: Tensor
    turned: bool


def decoded(path: Path, data: bytes, *, channels: int, fit: Fit, exif: bool = False) -> Decoded:
    """Decode a file's bytes to the size that `fit` gives; ValueError names the file if it cannot.

    Grey is made RGB and the reverse, transparency is dropped; deeper than 8 bits is refused. Of several frames the
    first counts. `exif`: the orientation is applied first.
    """
    try:
        with Image.open(BytesIO(data)) as image:
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are {image.mode}, and only 8 bits a channel are read")
            image.load()  # of some formats Pillow itself applies the orientation now
            turned = orientation(image) in TURNED
            upright = ImageOps.exif_transpose(image) if exif and turned else image
            pixels: Tensor = F.pil_to_tensor(fit(upright.convert(MODES[channels])))
            return Decoded(pixels, turned and not exif)
    except Exception as error:  # PIL raises whatever its decoder happened on: OSError, SyntaxError, struct.error, …
        raise ValueError(f"cannot read the image {path}: {error or type(error).__name__}") from error


def bytes_of(path: Path) -> bytes:
    """Return a file's bytes; ValueError names one that cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the image {path}: {error.strerror}") from error


def read(path: Path, data: bytes, **how: Any) -> Tensor:
    """The pixels of `decoded`."""
    return decoded(path, data, **how).pixels


def orientation(image: Image.Image) -> int:
    """Return an image's EXIF orientation; 1 is upright."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if isinstance(found, int) else 1


def size_of(path: Path, exif: bool = False) -> tuple[int, int]:
    """(H, W) of a file, from its header; `exif`: with its orientation applied."""
    try:
        with Image.open(path) as image:
            turned = exif and orientation(image) >= 5 and image.format != "TIFF"
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:
        raise ValueError(f"cannot read the image {path}: {error or type(error).__name__}") from error


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
