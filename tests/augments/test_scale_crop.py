import pytest
import torch

from dropgrid.augments.context import IGNORED
from dropgrid.augments.scale_crop import scale_crop


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plane(count, height, width):
    """Images whose two channels are the row and column of each pixel, from -1 to 1."""
    rows = (2 * torch.arange(height) + 1) / height - 1
    columns = (2 * torch.arange(width) + 1) / width - 1
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(count, 2, height, width)


def affine(image):
    """Return how a plane was transformed: factor down, factor across, both offsets; by pixels that lie inside."""
    height, width = image.shape[1:]
    y, x = height // 2, width // 2
    down = (image[0, y + 1, x] - image[0, y, x]) * height / 2
    across = (image[1, y, x + 1] - image[1, y, x]) * width / 2
    return down, across, image[0, y, x] - down * ((2 * y + 1) / height - 1), image[1, y, x] - across * (1 / width)


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_an_enlarged_image_is_a_window_within_it(size):
    images = plane(500, *size)
    found, _ = scale_crop(images, torch.arange(500), generator=generator(1), scales=[1.25, 2], flip=True)
    assert found.min() >= -1 and found.max() <= 1
    factors, mirrored, places = [], 0, []
    for image in found:
        down, across, top, left = affine(image)
        assert abs(down - across.abs()) < 1e-4, "the aspect is kept"
        factors.append(1 / down)
        mirrored += bool(across < 0)
        for offset in (top, left):
            assert abs(offset) <= 1 - down + 1e-4, "the window lies in the image"
            places.append(offset / (1 - down))
    assert 1.25 <= min(factors) < 1.3 and 1.95 < max(factors) <= 2.001 and 200 < mirrored < 300
    assert abs(torch.tensor(places).mean()) < 0.1 and min(places) < -0.9 and max(places) > 0.9


def test_a_smaller_image_lies_whole_in_the_window():
    masks = torch.ones(200, 40, 40, dtype=torch.int64)
    images = torch.ones(200, 1, 40, 40)
    found, moved = scale_crop(images, masks, generator=generator(2), scales=[0.5, 0.5], flip=False)
    inside = moved == 1
    assert {*moved.unique().tolist()} == {1, IGNORED}
    assert {*inside.flatten(1).sum(1).tolist()} <= {19**2, 19 * 20, 20**2, 20 * 21, 21**2}
    assert (found[:, 0][~inside] <= 0.5).all() and torch.allclose(
        found[:, 0][inside].mean(), torch.tensor(1.0), atol=0.06
    )
    tops = {int(each.any(1).nonzero()[0]) for each in inside}
    assert min(tops) == 0 and max(tops) >= 19


def test_masks_move_with_their_images():
    """A mask that is a threshold of its image stays so, but at the border between the classes."""
    ramp = plane(64, 48, 48)[:, :1] + 0.3 * plane(64, 48, 48)[:, 1:]
    masks = (ramp[:, 0] > 0.1).long()
    found, moved = scale_crop(ramp, masks, generator=generator(3), scales=[0.5, 2], flip=True)
    counted = moved != IGNORED
    clear = counted & ((found[:, 0] - 0.1).abs() > 0.08)
    assert clear.sum() > 0.8 * counted.sum()
    differ = (moved[clear] == 1) != (found[:, 0][clear] > 0.1)
    assert differ.float().mean() < 0.01, (
        "but at the edge of a smaller image, whose pixels are mixed with what is around"
    )


def test_no_change_of_scale_is_a_mirroring():
    images = torch.randn(40, 3, 7, 10)
    found, _ = scale_crop(images, torch.arange(40), generator=generator(), scales=[1, 1], flip=True)
    same = torch.isclose(found, images, atol=1e-4).flatten(1).all(1)
    mirrored = torch.isclose(found, images.flip(3), atol=1e-4).flatten(1).all(1)
    assert (same ^ mirrored).all() and 10 < same.sum() < 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": [2, 1]}, r"\[smallest, largest\], got \[2, 1\]"),
        ({"scales": [0, 1]}, r"augment.scales must be"),
        ({"scales": 2}, r"\[smallest, largest\], got 2"),
        ({"scales": [1, 1], "flip": False}, "does nothing: use augment=none"),
    ],
)
def test_what_is_out_of_range_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        scale_crop(
            torch.zeros(2, 1, 8, 8),
            torch.zeros(2),
            generator=generator(),
            **{"scales": [1, 2], "flip": True, **changes},
        )
