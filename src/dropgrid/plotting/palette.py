"""PNGs with a palette, about a tenth of the size."""

import io

import numpy as np
from PIL import Image

WIDTH = 900
"""Pixels: as wide as a page shows a figure."""

COLOURS = (64, 256)
"""Entries of a palette: few where they suffice."""

VISIBLE = 12
"""Of 255: how far a colour may be from the palette's; a figure with many further away does not fit a palette."""


def palette_png(data: bytes | Image.Image, width: int | None = WIDTH, *, always: bool = True) -> bytes:
    """Return a PNG of at most 256 colours; equal bytes give equal bytes.

    The palette covers all colours of the figure, even if few pixels have one: a single blue mark stays blue.

    Args:
        data: an image, or the bytes of its file.
        width: pixels to which a wider image is scaled down; None scales no image.
        always: false keeps all colours of an image if a palette cannot show them.
    """
    if isinstance(data, bytes):
        data = Image.open(io.BytesIO(data))
    image = data.convert("RGB")
    if width is not None and image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    for colours in COLOURS:
        few = image.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE, kmeans=1)
        if suffices := palette_suffices(few, image):
            break
    (few if suffices or always else image).save(file, format="png", optimize=True)
    return file.getvalue()


def palette_suffices(few: Image.Image, colours: Image.Image) -> bool:
    """Predicate: an image with a palette differs in few of its pixels from one with all colours."""
    apart = np.abs(np.asarray(few.convert("RGB"), dtype=np.int16) - np.asarray(colours, dtype=np.int16)).max(-1)
    return bool((apart > VISIBLE).mean() < 1e-3)
