"""Writes the pages and pictures, and the gallery of ablations."""

import sys
from pathlib import Path

import torch

from manual import axes, gallery
from manual.options import AXES, ROOT, options
from manual.page import MADE, index, page
from manual.pictures import picture
from manual.pictures.drawing import encoded

FOLDER = ROOT / "docs" / "methods"
GALLERY = ROOT / "docs" / "ablations"


def texts() -> dict[Path, str]:
    """Every page as it should read."""
    pages = {FOLDER / each.axis / f"{each.name}.md": page(each) for each in options()}
    pages |= {FOLDER / each / "README.md": axes.page(each, MADE) for each in (*AXES, *axes.SETTINGS)}
    pages |= {GALLERY / f"{name}.md": text for name, text in gallery.texts().items()}
    return {FOLDER / "README.md": index(), **pages}


def main() -> None:
    """All anew; what has no option any more goes. Names on the command line: only the pictures of these, or `texts`."""
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    pages = texts()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    kept = set(pages)
    for option in options():
        file = FOLDER / option.axis / f"{option.name}.png"
        kept.add(file)
        if not wanted or option.name in wanted:
            file.write_bytes(encoded(picture(option).draw(option)))
    for path in (*FOLDER.rglob("*.*"), *GALLERY.glob("*.*")):
        if path not in kept:
            path.unlink()
