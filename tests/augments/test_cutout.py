from types import SimpleNamespace

import pytest
import torch

from dropgrid.augments.cutout import FILLS, SHAPES, cutout, pattern

MEAN, STD = torch.tensor([0.3, 0.4, 0.5]).view(-1, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(-1, 1, 1)
CONTEXT = SimpleNamespace(mean=MEAN, std=STD)
PLAIN = {"shape": "square", "fill": "mean"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def holes(count, height, width, **arguments):
    """Where each image was cut: (count, height, width), bool."""
    images = torch.ones(count, 3, height, width)
    out, targets = cutout(images, torch.arange(count), generator=generator(), **{**PLAIN, **arguments})
    assert torch.equal(out[:, 0], out[:, 1]) and torch.equal(out[:, 0], out[:, 2])
    assert torch.equal(targets, torch.arange(count))
    return out[:, 0] == 0


@pytest.mark.parametrize("size", [3, 4, 8])
def test_inside_it_is_one_whole_square_anywhere_it_fits(size):
    count, height, width = 20_000, 10, 12
    hole = holes(count, height, width, size=size, inside=True, probability=1.0)
    assert (hole.sum((1, 2)) == size**2).all()
    rows, columns = hole.any(2), hole.any(1)
    assert (rows.sum(1) == size).all() and (columns.sum(1) == size).all()
    corners, times = torch.stack([rows.int().argmax(1), columns.int().argmax(1)]).unique(dim=1, return_counts=True)
    places = (height - size + 1) * (width - size + 1)
    assert corners.shape[1] == places and (times - count / places).abs().max() < 5 * (count / places) ** 0.5


def test_centred_anywhere_it_is_cut_off_at_the_border():
    """At 16 of 32 pixels 28 % of the squares are whole; each pixel as often covered as centres lie about it."""
    hole = holes(20_000, 32, 32, size=16, inside=False, probability=1.0)
    whole = (hole.sum((1, 2)) == 256).double().mean()
    assert whole == pytest.approx((17 / 32) ** 2, abs=0.015)
    line = torch.tensor([sum(c - 8 <= y < c + 8 for c in range(32)) / 32 for y in range(32)])
    assert (hole.double().mean(0) - torch.outer(line, line)).abs().max() < 5 * (0.25 / 20_000) ** 0.5


@pytest.mark.parametrize("probability", [0.5, 0.1])
def test_so_many_images_are_cut(probability):
    hole = holes(20_000, 8, 8, size=2, inside=True, probability=probability)
    assert hole.any((1, 2)).double().mean() == pytest.approx(probability, abs=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "augment.size must be a whole number of pixels, 1 or more"),
        ({"size": 2.0}, "augment.size must be a whole number"),
        ({"size": True}, "augment.size must be a whole number"),
        ({"size": 9, "inside": True}, "does not fit inside an image of 8×8"),
        ({"inside": "no"}, "augment.inside must be true or false"),
        ({"probability": 0}, "augment.probability must be a number in"),
        ({"probability": 1.5}, "augment.probability must be a number in"),
        ({"shape": "star"}, "augment.shape must be square, disk or wide, got 'star'"),
        ({"fill": "red"}, "augment.fill must be mean, black, white or noise, got 'red'"),
        ({"size": 7, "inside": True, "shape": "disk"}, "8×8 .*: the disk has 9×9 pixels"),
        ({"size": 6, "inside": True, "shape": "wide"}, "8×8 .*: the wide has 4×9 pixels"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, message):
    arguments = {"size": 4, "inside": False, "probability": 1.0, **PLAIN, **wrong}
    with pytest.raises(ValueError, match=message):
        cutout(torch.zeros(2, 1, 8, 8), torch.zeros(2), generator=generator(), **arguments)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 16, 31])
def test_shapes_have_one_area(size):
    square, disk, wide = (pattern(shape, size) for shape in SHAPES)
    assert square.shape == (size, size) and square.all() and int(disk.sum()) == size**2
    assert wide.all() and abs(wide.numel() - size**2) <= wide.shape[0] / 2  # one column more or less is farther off
    if size > 2:
        assert wide.shape[1] / wide.shape[0] == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("size", [2, 5, 8, 16, 31])
def test_a_disk_is_the_nearest_pixels_and_turns_into_itself(size):
    disk = pattern("disk", size)
    assert torch.equal(disk, disk.rot90()) and disk.any(0).all()
    place = torch.arange(len(disk)) - (len(disk) - 1) / 2
    distance = place[:, None] ** 2 + place**2
    assert distance[disk].max() <= distance[~disk].min() if not disk.all() else size <= 5


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_one_by_one(shape, inside):
    count, height, width, size = 50, 20, 24, 8
    images = torch.randn(count, 3, height, width, generator=generator(2))
    arguments = {"size": size, "inside": inside, "probability": 0.7, "shape": shape, "fill": "mean"}
    out, _ = cutout(images, torch.zeros(count), generator=generator(3), **arguments)
    draws, stamp = generator(3), pattern(shape, size)
    high, wide = stamp.shape
    top = torch.randint(height - high + 1 if inside else height, (count, 1), generator=draws)
    left = torch.randint(width - wide + 1 if inside else width, (count, 1), generator=draws)
    wanted = torch.rand(count, 1, generator=draws) < 0.7
    expected = images.clone()
    for index in range(count):
        for y, x in stamp.nonzero().tolist():
            row = int(top[index]) + y - (0 if inside else high // 2)
            column = int(left[index]) + x - (0 if inside else wide // 2)
            if wanted[index] and 0 <= row < height and 0 <= column < width:
                expected[index, :, row, column] = 0
    assert torch.equal(out, expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("fill", FILLS)
def test_what_covers_it(fill, layout):
    images = torch.rand(200, 3, 16, 16, generator=generator(1)).contiguous(memory_format=layout)
    floats = (images - MEAN) / STD
    arguments = {"size": 8, "inside": True, "probability": 1.0, "shape": "square", "context": CONTEXT}
    hole = cutout(torch.ones_like(images), torch.zeros(200), generator=generator(), fill="mean", **arguments)[0] == 0
    out, _ = cutout(floats, torch.zeros(200), generator=generator(), fill=fill, **arguments)
    assert out.is_contiguous(memory_format=layout)
    assert torch.equal(out[~hole], floats[~hole])
    raw = out * STD + MEAN
    if fill == "noise":
        values = out[hole]
        error = 5 / len(values) ** 0.5
        assert abs(float(values.mean())) < error and float(values.std()) == pytest.approx(1, abs=error)
        assert len(values.unique()) > 0.9 * len(values)
    else:
        level = {"mean": MEAN, "black": torch.zeros_like(MEAN), "white": torch.ones_like(MEAN)}[fill]
        assert torch.allclose(raw[hole], level.expand_as(raw)[hole], atol=1e-6)
