import pytest
import torch

from dropgrid.augments.context import IGNORED
from dropgrid.augments.crop_flip import crop_flip


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def slow(images, seed, padding, flip):
    """One image after another, with the same draws."""
    count, channels, height, width = images.shape
    draws = generator(seed)
    corners = torch.randint(2 * padding + 1, (2, count, 1), generator=draws)
    mirrored = torch.rand(count, 1, generator=draws) < 0.5 if flip else torch.zeros(count, 1)
    out = []
    for i, image in enumerate(images):
        framed = torch.zeros(channels, height + 2 * padding, width + 2 * padding, dtype=images.dtype)
        framed[:, padding : padding + height, padding : padding + width] = image
        top, left = int(corners[0, i]), int(corners[1, i])
        cut = framed[:, top : top + height, left : left + width]
        out.append(torch.flip(cut, [2]) if mirrored[i] else cut)
    return torch.stack(out)


@pytest.mark.parametrize("padding", [0, 1, 4, 6])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_as_one_by_one(padding, flip, size):
    if padding == 0 and not flip:
        pytest.skip("does nothing, and says so")
    images, targets = torch.randn(40, 3, *size), torch.arange(40)
    out, same = crop_flip(images, targets, generator=generator(3), padding=padding, flip=flip)
    assert torch.equal(out, slow(images, 3, padding, flip)) and same is targets


def test_every_corner_is_as_likely_and_half_are_mirrored():
    count, padding = 20_000, 2
    images = torch.arange(1.0, 26).view(1, 1, 5, 5).expand(count, 1, 5, 5)
    out, _ = crop_flip(images, torch.zeros(count), generator=generator(), padding=padding, flip=True)
    kinds, times = out.flatten(1).unique(dim=0, return_counts=True)
    assert len(kinds) == 50
    assert (times - count / 50).abs().max() < 5 * (count / 50) ** 0.5


def test_a_function_of_the_generator_alone():
    images, targets = torch.randn(16, 3, 8, 8), torch.arange(16)
    before = torch.get_rng_state()
    one, again, other = (crop_flip(images, targets, generator=generator(s), padding=2, flip=True)[0] for s in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_images_of_a_batch_move_apart_and_channels_together():
    images = torch.randn(1, 1, 8, 8).expand(32, 3, 8, 8)
    out, _ = crop_flip(images, torch.zeros(32), generator=generator(), padding=3, flip=True)
    assert torch.equal(out[:, 0], out[:, 1]) and torch.equal(out[:, 0], out[:, 2])
    assert len({image.numpy().tobytes() for image in out}) > 20


@pytest.mark.parametrize("padding", [8, 9, -1, 2.5, True, "4", None])
def test_padding_must_be_less_than_the_image(padding):
    with pytest.raises(ValueError, match="augment.padding must be a whole number of pixels, 0 or more and less than"):
        crop_flip(torch.zeros(2, 3, 8, 9), torch.zeros(2), generator=generator(), padding=padding, flip=True)


def test_what_does_nothing_says_so():
    with pytest.raises(ValueError, match="does nothing: use augment=none"):
        crop_flip(torch.zeros(2, 3, 8, 8), torch.zeros(2), generator=generator(), padding=0, flip=False)
    with pytest.raises(ValueError, match="augment.flip must be true or false"):
        crop_flip(torch.zeros(2, 3, 8, 8), torch.zeros(2), generator=generator(), padding=1, flip="no")


def test_masks_are_cut_and_mirrored_with_their_images():
    """An image that shows its own mask still does, and what comes from outside is no class."""
    masks = torch.randint(7, (50, 12, 9), generator=torch.Generator().manual_seed(0))
    images = masks[:, None].float() + 1
    cut, moved = crop_flip(images, masks, generator=torch.Generator().manual_seed(1), padding=3, flip=True)
    inside = cut[:, 0] > 0  # outside is 0
    assert torch.equal(moved[inside], (cut[:, 0] - 1).long()[inside]) and (moved[~inside] == IGNORED).all()
    assert (~inside).any() and not torch.equal(moved, masks) and moved.dtype == masks.dtype
    same, _ = crop_flip(images, masks[:, 0, 0], generator=torch.Generator().manual_seed(1), padding=3, flip=True)
    assert torch.equal(same, cut), "masks draw no random numbers of their own"
