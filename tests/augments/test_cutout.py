import pytest
import torch

from dropgrid.augments.cutout import cutout


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def holes(count, height, width, **arguments):
    """Where each image was cut: (count, height, width), bool."""
    images = torch.ones(count, 3, height, width)
    out, targets = cutout(images, torch.arange(count), generator=generator(), **arguments)
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
        ({"probability": 0}, "augment.probability must be in"),
        ({"probability": 1.5}, "augment.probability must be in"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, message):
    arguments = {"size": 4, "inside": False, "probability": 1.0, **wrong}
    with pytest.raises(ValueError, match=message):
        cutout(torch.zeros(2, 1, 8, 8), torch.zeros(2), generator=generator(), **arguments)
