import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from dropgrid.data import image


def same(picture):
    return picture


def pixels_of(path, **how):
    return image.read(path, path.read_bytes(), fit=same, **how)


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_pixels_come_as_they_are(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "x.png")
    read = pixels_of(tmp_path / "x.png", channels=3)
    assert read.dtype == torch.uint8 and torch.equal(read, torch.from_numpy(colours).permute(2, 0, 1))
    assert image.size_of(tmp_path / "x.png") == (6, 9)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_8_bit_mode_becomes_the_channels_asked_for(tmp_path, colours, mode):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.fromarray(colours).convert(mode).save(path)
    assert pixels_of(path, channels=3).shape == (3, 6, 9)
    assert pixels_of(path, channels=1).shape == (1, 6, 9)


def test_grey_is_the_same_in_every_channel(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "x.png")
    read = pixels_of(tmp_path / "x.png", channels=3)
    assert all(torch.equal(channel, torch.from_numpy(colours[..., 0])) for channel in read)


def test_16_bits_are_refused_and_not_clipped(tmp_path, colours):
    Image.fromarray(colours[..., 0].astype(np.uint16) * 256).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"cannot read the image .*deep\.png: its pixels are I;16"):
        pixels_of(tmp_path / "deep.png", channels=3)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "missing"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_a_corrupt_file_is_named(tmp_path, colours, damage, suffix):
    path = tmp_path / f"broken{suffix}"
    if damage != "missing":
        Image.fromarray(np.tile(colours, (5, 5, 1))).save(path)
        data = path.read_bytes()
        path.write_bytes({"cut": data[: len(data) // 2], "text": b"not an image", "empty": b""}[damage])
        with pytest.raises(ValueError, match=f"cannot read the image .*broken\\{suffix}"):
            pixels_of(path, channels=3)
    if damage != "cut":
        with pytest.raises(ValueError, match=f"cannot read the image .*broken\\{suffix}"):
            image.size_of(path)


def test_as_it_is_refuses_another_size():
    picture = Image.new("RGB", (9, 6))
    assert image.as_it_is(picture, size=(6, 9)) is picture
    with pytest.raises(ValueError, match="it is 6×9, the first one 9×6: set data.size"):
        image.as_it_is(picture, size=(9, 6))


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (21, 21), (16, 90)])
def test_resized_scales_the_shorter_side_and_cuts_the_centre(size):
    height, width = size
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width)).astype(np.uint8)
    out = np.asarray(image.resized(Image.fromarray(across), resize=20, crop=16)).astype(float)
    assert out.shape == (16, 16)
    shown = 16 * min(size) / 20 / width * 255  # the grey levels that 16 of the scaled columns span
    assert out.mean() == pytest.approx(127.5, abs=2 + 255 / width)
    assert out[0, -1] - out[0, 0] == pytest.approx(shown, abs=4 + 2 * 255 / width)


def test_constants():
    assert torch.equal(image.constants("mean", [0.5, 0.25], 2), torch.tensor([0.5, 0.25]))
    with pytest.raises(ValueError, match="data.mean must be 3 numbers"):
        image.constants("mean", [0.5], 3)
    with pytest.raises(ValueError, match="data.std must be above 0"):
        image.constants("std", [0.5, 0, 1], 3)


TURNED = {  # by the EXIF specification: where the first row and the first column of the stored image belong
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: pixels[::-1, ::-1],
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90,
}


def stored(path, colours, orientation):
    """An image whose file says that it is turned."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(colours).save(path, exif=exif, **({"quality": 100} if path.suffix == ".jpg" else {}))
    return path


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_an_orientation_is_applied_if_asked_for_and_noted_if_not(tmp_path, colours, orientation, suffix):
    path = stored(tmp_path / f"x{suffix}", colours, orientation)
    data, turned = path.read_bytes(), orientation > 1
    plain = image.decoded(path, data, channels=3, fit=same)
    upright = image.decoded(path, data, channels=3, fit=same, exif=True)
    assert plain.turned == turned and not upright.turned
    expected = np.ascontiguousarray(TURNED[orientation](plain.pixels.permute(1, 2, 0).numpy()))
    assert np.array_equal(upright.pixels.permute(1, 2, 0).numpy(), expected)
    assert image.size_of(path) == (6, 9) and image.size_of(path, exif=True) == expected.shape[:2]


def test_pillow_itself_turns_a_tiff(tmp_path, colours):
    path = stored(tmp_path / "x.tif", colours, 6)
    for exif in (False, True):
        found = image.decoded(path, path.read_bytes(), channels=3, fit=same, exif=exif)
        assert not found.turned and found.pixels.shape[1:] == image.size_of(path, exif) == (9, 6)


def test_whatever_pillow_writes_as_an_image_and_reads_is_read(tmp_path, colours):
    written = set()
    for extension in sorted(image.extensions()):
        path = tmp_path / f"x{extension}"
        try:
            Image.fromarray(colours).save(path)
        except (OSError, ValueError, KeyError, RuntimeError, DeprecationWarning):  # not written, or not in colour
            continue
        assert pixels_of(path, channels=3).shape[0] == 3, extension
        written.add(extension)
    assert {".jpg", ".jfif", ".jpe", ".gif", ".png", ".bmp", ".webp", ".tif", ".jp2", ".tga", ".mpo"} <= written
    assert not image.extensions() & {".txt", ".pdf", ".eps", ".h5", ".mpg", ""}
