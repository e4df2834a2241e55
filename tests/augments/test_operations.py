"""Operations on batches against torchvision's, image by image."""

import math

import pytest
import torch
from torchvision.transforms import AutoAugment, RandAugment, TrivialAugmentWide
from torchvision.transforms import functional as theirs

from dropgrid.augments.operations import (
    BINS,
    KERNELS,
    NAMES,
    Operation,
    apply_on_bytes,
    apply_operations,
    operation_strengths,
)

SPACES = {wide: operation_strengths(BINS, 32, 32, wide=wide) for wide in (False, True)}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(count, channels, height, width):
    """Noise, a gradient of few levels, one flat image, one of two levels, one of dark noise."""
    images = torch.randint(256, (count, channels, height, width), generator=generator(1), dtype=torch.uint8)
    images[0] = (torch.arange(height * width) // 9 % 256).view(height, width)
    images[1] = 77
    images[2] = images[2] // 128 * 200
    images[3] //= 5
    return images


def reference(image, name, strength):
    """torchvision's functional API, called as its policies call it."""
    shear = math.degrees(math.atan(strength))
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    calls = {
        "Identity": lambda: image,
        "ShearX": lambda: theirs.affine(image, **{**still, "shear": [shear, 0.0]}, center=[0, 0]),
        "ShearY": lambda: theirs.affine(image, **{**still, "shear": [0.0, shear]}, center=[0, 0]),
        "TranslateX": lambda: theirs.affine(image, **{**still, "translate": [int(strength), 0]}),
        "TranslateY": lambda: theirs.affine(image, **{**still, "translate": [0, int(strength)]}),
        "Rotate": lambda: theirs.rotate(image, strength),
        "Brightness": lambda: theirs.adjust_brightness(image, 1 + strength),
        "Color": lambda: theirs.adjust_saturation(image, 1 + strength),
        "Contrast": lambda: theirs.adjust_contrast(image, 1 + strength),
        "Sharpness": lambda: theirs.adjust_sharpness(image, 1 + strength),
        "Posterize": lambda: theirs.posterize(image, int(strength)),
        "Solarize": lambda: theirs.solarize(image, strength),
        "AutoContrast": lambda: theirs.autocontrast(image),
        "Equalize": lambda: theirs.equalize(image),
        "Invert": lambda: theirs.invert(image),
    }
    return calls[name]()


@pytest.mark.parametrize("size", [(32, 32), (20, 27), (2, 3)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*KERNELS, "Identity"])
def test_each_operation_is_torchvisions_to_the_bit_at_every_strength(name, channels, size):
    wanted = [
        sign * each for space in SPACES.values() for each in space[name][0] for sign in (1, -1)[: 1 + space[name][1]]
    ]
    images = batch(max(8, len(wanted)), channels, *size)
    wanted = (wanted * len(images))[: len(images)]
    kept = images.clone()
    found = apply_operations(images, [Operation(name, strength) for strength in wanted])
    expected = torch.stack([reference(*each) for each in zip(images, [name] * len(images), wanted, strict=True)])
    assert torch.equal(found, expected) and torch.equal(images, kept)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_keep_their_places_among_operations(channels):
    count, space = 200, SPACES[True]
    kinds = torch.randint(len(KERNELS) + 1, (count,), generator=generator(2)).tolist()
    chosen = [Operation(name, space[name][0][index % len(space[name][0])]) for index, name in
              enumerate([*KERNELS, "Identity"][kind] for kind in kinds)]  # fmt: skip
    images = batch(count, channels, 12, 10)
    expected = torch.stack([reference(image, *each) for image, each in zip(images, chosen, strict=True)])
    assert torch.equal(apply_operations(images, chosen), expected)


def test_strengths_are_torchvisions():
    """Its tables are private: a version that changes them is noticed here, and changes no bits of ours."""
    for size in ((32, 32), (24, 40)):
        for theirs_, wide, bins in (
            (AutoAugment()._augmentation_space(10, size), False, 10),
            (RandAugment()._augmentation_space(BINS, size), False, BINS),
            (TrivialAugmentWide()._augmentation_space(BINS), True, BINS),
        ):
            ours = operation_strengths(bins, *size, wide=wide)
            assert set(theirs_) <= set(ours)
            for name, (values, signed) in theirs_.items():
                assert ours[name] == (values.double().flatten().tolist(), signed), name
    assert set(NAMES) == set(RandAugment()._augmentation_space(BINS, (32, 32)))
    assert list(NAMES) == list(TrivialAugmentWide()._augmentation_space(BINS))


def test_without_an_operation_images_come_back_to_rounding():
    images = torch.randint(256, (4, 3, 8, 8), generator=generator(), dtype=torch.uint8).float() / 255

    def nothing(count, height, width, draws):
        assert (count, height, width) == (4, 8, 8)
        return [[Operation("Identity", 0.0)] * count]

    assert torch.equal(apply_on_bytes(images, generator=generator(), context=None, choose=nothing), images)


def test_a_cpu_under_autocast_moves_pixels_to_the_same_places():
    images = batch(8, 3, 21, 23)
    chosen = [Operation("Rotate", 17.25 + index) for index in range(8)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = apply_operations(images, chosen)
    assert torch.equal(
        found, torch.stack([reference(image, *each) for image, each in zip(images, chosen, strict=True)])
    )
