"""Image files, and folders of them, as data=image_folder reads them."""

import gzip
import io
import os
import random
from pathlib import Path

import numpy as np
import pytest
from damage import damaged, hostile_pickles, leaving_zip, png
from hostile import ESCAPE
from PIL import Image

from dropgrid.data.idx import read_idx
from dropgrid.data.image_folder import ImageFolder
from dropgrid.errors import UserError

SIZE = 8


def picture(kind, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


SOUND = [picture("PNG"), picture("JPEG"), picture("BMP"), picture("TIFF"), picture("WEBP"), picture("PPM")]
STRANGE = [
    b"",
    b"GIF89a",
    b"<svg onload=alert(1)/>",
    picture("PNG", "1"),
    picture("PNG", "P"),
    picture("TIFF", "F"),
    picture("TIFF", "I"),
    png(2**31 - 1, 2**31 - 1),
    png(60_000, 60_000),
    png(0, 0),
    png(1, 1, data=b"\0" * 10**7),
    png(SIZE, SIZE, data=b""),
    b"P6 99999999 99999999 255\n",
    b"P6 8 8 65535\n" + b"\0" * 384,
    leaving_zip(),
    *hostile_pickles(),
]


def folder(root: Path, name: str, data: bytes) -> ImageFolder:
    """Two classes, of which one holds a strange file."""
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(3):
            (root / label / f"{index}.png").write_bytes(SOUND[0])
    (root / "cat" / name).write_bytes(data)
    shares = {"train": None, "val": 0.2, "test": 0.2, "split_seed": 0, "memory_limit": 1, "follow_links": False}
    about = {"size": None, "channels": 3, "exif": False, "mean": [0.5] * 3, "std": [0.5] * 3}
    return ImageFolder(root=root, cache=root.parent / "cache", **shares, **about)


def read(root: Path, name: str, data: bytes) -> None:
    """What a sweep does before the first cell trains."""
    try:
        source = folder(root, name, data)
        source.spec()
        images = source.load().train.images
        assert images.dtype.is_floating_point is False
    except ValueError as error:
        raise UserError(str(error)) from error


@pytest.mark.slow
def test_a_damaged_image_is_named(trial, tmp_path):
    how = random.Random(0)
    names = ["a.png", "a.jpg", "a.bmp", "a.tiff", "a.webp", "a.ppm"]
    cases = [(name, data) for data in STRANGE for name in names[:3]]
    cases += [(names[i % 6], damaged(SOUND[how.randrange(6)], how)) for i in range(400)]
    for number, (name, data) in enumerate(cases):
        root = tmp_path / str(number) / "data"
        root.mkdir(parents=True)
        outcome = trial(lambda root=root, name=name, data=data: read(root, name, data), (name, data[:60]))
        assert number or outcome == "refused"
    assert not ESCAPE.exists()


def test_names_and_links_of_a_folder(trial, tmp_path):
    for number, name in enumerate(["\udcff.png", "a\nb.png", "<script>.png", "-rf.png", "x" * 200 + ".png", "ünï.PNG"]):
        root = tmp_path / str(number) / "data"
        root.mkdir(parents=True)
        assert trial(lambda root=root, name=name: read(root, name, SOUND[0]), name) == "ran"
    for number, target in enumerate([".", "..", "../cat", "/proc/self/mem", "/dev/zero", "nothing", "loop.png"]):
        root = tmp_path / f"link{number}" / "data"
        (root / "cat").mkdir(parents=True)
        os.symlink(target, root / "cat" / "loop.png")
        assert trial(lambda root=root: read(root, "b.png", SOUND[0]), target) == "refused"


def test_idx_files(trial, tmp_path):
    how = random.Random(1)
    sound = b"\0\0\x08\x03" + np.array([2, 3, 4], ">i4").tobytes() + bytes(range(24))
    bombs = [gzip.compress(b"\0" * 10**8), b"\0\0\x08\xff" + b"\xff" * 40, b"\0\0\x08\x01\xff\xff\xff\xff", b"", sound]
    for number in range(250):
        data = bombs[number] if number < len(bombs) else damaged(sound, how)
        for name, content in ((f"{number}-ubyte", data), (f"{number}.gz", damaged(gzip.compress(data), how))):
            path = tmp_path / name
            path.write_bytes(content)

            def act(path=path):
                try:
                    read_idx(path)
                except ValueError as error:
                    raise UserError(str(error)) from error

            trial(act, (name, content[:40]))
