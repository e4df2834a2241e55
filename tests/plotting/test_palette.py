"""Small PNGs keep what a reader sees."""

import io

from PIL import Image, ImageDraw

from dropgrid.plotting.palette import WIDTH, palette_png


def encoded(image):
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def shrunk(image):
    return Image.open(io.BytesIO(palette_png(encoded(image))))


def test_a_wide_picture_becomes_as_wide_as_a_page_and_a_narrow_one_stays():
    assert shrunk(Image.new("RGBA", (1800, 600), "white")).size == (WIDTH, 300)
    assert shrunk(Image.new("RGB", (400, 300), "white")).size == (400, 300)


def test_white_stays_white_and_one_small_mark_keeps_its_colour():
    greys = Image.linear_gradient("L").resize((800, 400)).convert("RGB")
    greys.paste("white", (0, 0, 800, 100))
    ImageDraw.Draw(greys).rectangle((700, 300, 705, 305), fill="#0072B2")
    found = shrunk(greys)
    assert found.mode == "P"
    pixels = found.convert("RGB")
    assert pixels.getpixel((10, 10)) == (255, 255, 255)
    assert all(abs(a - b) < 12 for a, b in zip(pixels.getpixel((702, 302)), (0x00, 0x72, 0xB2), strict=True))


def test_equal_pictures_give_equal_bytes():
    one = encoded(Image.radial_gradient("L").resize((1200, 500)))
    assert palette_png(one) == palette_png(one)
