"""What results/ keeps is small enough to be cloned."""

from pathlib import Path

from PIL import Image

from dropgrid.plotting.palette import WIDTH

RESULTS = Path(__file__).parents[2] / "results"
FILES = [path for path in RESULTS.rglob("*") if path.is_file()]


def test_it_is_at_most_12_megabytes_without_a_pdf():
    assert len(FILES) > 200
    assert sum(path.stat().st_size for path in FILES) <= 12_000_000
    assert not [path for path in FILES if path.suffix == ".pdf"]


def test_pictures_have_a_palette_and_the_width_of_a_page():
    for path in FILES:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.mode == "P" and image.width <= WIDTH, path
