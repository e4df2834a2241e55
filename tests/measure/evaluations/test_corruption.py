"""Corruptions against slow plain references."""

import colorsys

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dropgrid import streams
from dropgrid.measure.evaluations import corruption as module
from dropgrid.measure.evaluations.corruption import KINDS, corrupt, corruption, corruption_label
from dropgrid.tasks.classification import accuracy

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 3, 9, 12), dtype=np.uint8))
LEVELS = {"shot_noise": 50, "impulse_noise": 0.3, "contrast": 0.15, "pixelate": 0.4, "gaussian_blur": 1.3}


def made(kind, level, images=IMAGES, first=0, seed=3):
    return corrupt(images, first, kind=kind, level=level, seed=seed)


def stored(image):
    """[0, 1] to 8 bits."""
    return np.rint(np.clip(np.asarray(image, dtype=np.float32), 0, 1) * np.float32(255)).astype(np.int64)


def near(found, expected):
    """Equal but for a value that lay on the edge of rounding."""
    return np.abs(found.numpy().astype(np.int64) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["gaussian_noise", "speckle_noise"])
def test_noise_is_the_formula_pixel_by_pixel(kind):
    found = made(kind, 0.2)
    for index in range(5):
        draw = torch.randn(3, 9, 12, generator=streams.generator(3, "corruption", kind, index)).numpy()
        x = IMAGES[index].numpy() / 255
        expected = np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            expected[place] = x[place] + 0.2 * draw[place] * (x[place] if kind == "speckle_noise" else 1)
        assert near(found[index], stored(expected))


def test_shot_noise_counts_photons():
    white = torch.full((1, 3, 100, 100), 200, dtype=torch.uint8)
    found = made("shot_noise", 40, white)[0].double() / 255 * 40
    assert (found - found.round()).abs().max() < 0.1  # 8 bits of 40 photons
    rate = 200 / 255 * 40
    clipped = torch.poisson(torch.full((200_000,), rate, dtype=torch.float64)).clamp(max=40)
    assert abs(found.mean() - clipped.mean()) < 5 * (rate / found.numel()) ** 0.5 + 0.01
    assert abs(found.var() - clipped.var()) < 1.5


def test_impulse_noise_is_salt_and_pepper_on_a_share_of_the_values():
    grey = torch.full((1, 3, 100, 100), 100, dtype=torch.uint8)
    found = made("impulse_noise", 0.3, grey)
    shares = {value: float((found == value).double().mean()) for value in (0, 100, 255)}
    error = 5 * (0.25 / found.numel()) ** 0.5
    assert shares == pytest.approx({0: 0.15, 100: 0.7, 255: 0.15}, abs=error)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_blur_is_scipy_s(sigma):
    found = made("gaussian_blur", sigma)
    for image, blurred in zip(IMAGES.numpy() / 255, found, strict=True):
        channels = [gaussian_filter(channel, sigma, mode="nearest", truncate=4) for channel in image]
        assert near(blurred, stored(np.stack(channels)))


def test_contrast_shrinks_each_channel_to_its_mean():
    found = made("contrast", 0.15)
    for image, less in zip(IMAGES.numpy() / 255, found, strict=True):
        assert near(less, stored(np.stack([c.mean() + 0.15 * (c - c.mean()) for c in image])))


def test_brightness_adds_to_the_value_of_hsv():
    found = made("brightness", 0.3)
    x = IMAGES.numpy() / 255
    for index, row, column in np.ndindex(5, 9, 12):
        hue, saturation, value = colorsys.rgb_to_hsv(*x[index, :, row, column])
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.3))
        assert near(found[index, :, row, column], stored(expected))
    black = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    assert (made("brightness", 0.2, black) == 51).all()


def test_pixelate_shows_means_of_windows():
    image = IMAGES[:1, :, :8]
    found = made("pixelate", 0.5, image)
    x = image[0].numpy() / 255
    for row, column in np.ndindex(4, 6):
        rows, columns = slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
        expected = stored(x[:, rows, columns].mean((1, 2)))
        assert near(found[0, :, rows, columns], expected[:, None, None])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_image_s_corruption_depends_on_nothing_but_its_place_and_the_seed(kind):
    level = LEVELS.get(kind, 0.2)
    state = torch.get_rng_state()
    whole = made(kind, level)
    assert torch.equal(state, torch.get_rng_state())
    assert whole.dtype == torch.uint8 and whole.shape == IMAGES.shape and not torch.equal(whole, IMAGES)
    assert torch.equal(whole[3:], made(kind, level, IMAGES[3:], first=3))
    assert torch.equal(whole, made(kind, level, seed=4)) == (not kind.endswith("noise"))


@pytest.mark.parametrize(
    ("kind", "level"), [(k, 0.0) for k in KINDS if k.endswith("noise") and k != "shot_noise"]
    + [("gaussian_blur", 0.0), ("contrast", 1.0), ("brightness", 0.0), ("pixelate", 1.0)]
)  # fmt: skip
def test_the_level_that_does_nothing_does_nothing(kind, level):
    assert torch.equal(made(kind, level), IMAGES)


def test_it_is_the_accuracy_on_the_corrupted_images(make_cell, arguments):
    cell = make_cell("data.eval_batch_size=7")
    given = {**arguments("corruption"), "kinds": ["gaussian_noise", "contrast"]}
    given["levels"] = {**given["levels"], "gaussian_noise": [0, 0.3]}
    found = corruption(cell, **given)
    assert list(found) == ["gaussian_noise_0", "gaussian_noise_0.3", "contrast_0.15", "mean"]
    assert found["gaussian_noise_0"].value == accuracy(*cell.predict(cell.splits.test))
    images = made("gaussian_noise", 0.3, cell.splits.test.images, seed=0)
    logits = cell.learner(cell.network, 0)(images)
    assert found["gaussian_noise_0.3"].value == accuracy(logits, cell.splits.test.labels)
    assert found["mean"].value == pytest.approx(sum(found[name].value for name in list(found)[:3]) / 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kinds": ["fog"]}, r"'fog'; there are: gaussian_noise"),
        ({"levels": {}}, r"levels.gaussian_noise takes a list: evaluate.levels.gaussian_noise=\[…\], got None"),
        ({"levels": {"gaussian_noise": [-0.1]}}, "0 or more, got -0.1"),
        ({"kinds": ["shot_noise"], "levels": {"shot_noise": [0]}}, "above 0, got 0"),
        ({"kinds": ["impulse_noise"], "levels": {"impulse_noise": [1.1]}}, r"a number in \[0, 1\], got 1.1"),
        ({"levels": {"gaussian_noise": ["much"]}}, "a number, 0 or more, got 'much'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make_cell, changes, told):
    given = {"kinds": ["gaussian_noise"], "levels": {"gaussian_noise": [0.1]}, "seed": 0, **changes}
    with pytest.raises(ValueError, match=told):
        corruption(make_cell(), **given)


def test_each_kind_has_a_name_and_a_default_level(arguments):
    assert set(module.SYMBOLS) == set(KINDS) == set(arguments("corruption")["levels"])
    assert corruption_label("gaussian_noise", 0.1) == "Gaussian noise σ = 0.1"
