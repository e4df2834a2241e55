"""PNGs that a repository can keep: a few hundred kilobytes of a figure become a few ten."""

import io

from PIL import Image

WIDTH = 900
"""Pixels: as wide as a page shows a figure."""


def palette_png(data: bytes) -> bytes:
    """Return a PNG of at most 256 colours, scaled down to `WIDTH` if it is wider; equal bytes give equal bytes.

    The colours are chosen to cover those of the figure, however few pixels have one: a single blue mark stays blue.
    """
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file, "png", optimize=True)
    return file.getvalue()
