"""Whether a file holds a figure."""

from PIL import Image


def check_drawn(path, inches=1.0, dpi=130):
    """Assert that a PNG decodes, is at least so wide, and is not of one colour."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    assert image.width >= inches * dpi, path
    assert any(low != high for low, high in image.getextrema()), path
