"""The headline metric on corrupted test images."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn import functional

from dropgrid import checks, streams
from dropgrid.measure.trained_cell import Measure, TrainedCell, require_list

CorruptionFunction = Callable[[Tensor, float, Generator], Tensor]
"""(image (C, H, W) in [0, 1], level, generator) -> the corrupted image, not yet clipped."""


def corruption(
    cell: TrainedCell, *, kinds: Sequence[str], levels: Mapping[str, Sequence[float]], seed: int
) -> dict[str, Measure]:
    """The headline metric under each kind of corruption at each of its levels, and the mean over all.

    The corrupted image is clipped to [0, 1] and rounded to 8 bits, like a stored one. Its random numbers are a
    function of (seed, kind, place of the image): every cell sees the same images, and levels scale the same noise.

    Args:
        kinds: keys of `KINDS`.
        levels: the levels of each kind; their meaning is documented at its function.

    Raises:
        ValueError: a kind does not exist or has no levels, or a level is out of its range.

    Source: Hendrycks and Dietterich, ICLR 2019, §3.1 and Appendix B; formulas as in their released code. Differs from
    the paper: pixelate averages adaptive windows, not PIL's box filter; no blur other than Gaussian, no weather, no
    JPEG; accuracies are not divided by those of AlexNet.
    """
    unknown = next((kind for kind in require_list("kinds", kinds) if kind not in KINDS), None)
    if unknown is not None:
        raise ValueError(f"kinds has {unknown!r}; there are: {', '.join(KINDS)}")
    wanted = [(kind, level) for kind in kinds for level in require_list(f"levels.{kind}", levels.get(kind))]
    for kind, level in wanted:
        check_level(kind, level)
    found = {}
    for kind, level in wanted:
        made = partial(corrupt, kind=kind, level=level, seed=seed)
        measured = cell.headline(cell.predict(cell.splits.test, corrupt=made))
        found[f"{kind}_{level:g}"] = measured._replace(label=corruption_label(kind, level))
    mean = sum(each.value for each in found.values()) / len(found)
    return {**found, "mean": measured._replace(value=mean, label="Mean over corruptions")}


def corrupt(images: Tensor, first: int, *, kind: str, level: float, seed: int) -> Tensor:
    """Corrupt images, uint8 (N, C, H, W), which are at places `first`, `first` + 1, … of their split."""
    made = [
        KINDS[kind](image, level, streams.generator(seed, "corruption", kind, first + index))
        for index, image in enumerate(images.float() / 255)
    ]
    return (torch.stack(made).clamp(0, 1) * 255).round().to(torch.uint8)


def gaussian_noise(image: Tensor, sigma: float, generator: Generator) -> Tensor:
    """Return x + σ ε."""
    return image + sigma * torch.randn(image.shape, generator=generator)


def speckle_noise(image: Tensor, sigma: float, generator: Generator) -> Tensor:
    """Return x + x σ ε."""
    return image + image * sigma * torch.randn(image.shape, generator=generator)


def shot_noise(image: Tensor, photons: float, generator: Generator) -> Tensor:
    """Return Poisson(c x) / c, with c photons where the image is white."""
    return torch.poisson(image * photons, generator=generator) / photons


def impulse_noise(image: Tensor, share: float, generator: Generator) -> Tensor:
    """Replace a share of the values, half of them by 0 and half by 1."""
    draw = torch.rand(image.shape, generator=generator)
    return torch.where(draw < share / 2, 0.0, torch.where(draw < share, 1.0, image))


def gaussian_blur(image: Tensor, sigma: float, _: Generator) -> Tensor:
    """Convolve with exp(-d² / 2σ²), cut at 4 σ and normalised, in both directions; edges are replicated."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return image
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    padded = functional.pad(image[:, None], (radius,) * 4, mode="replicate")
    across = functional.conv2d(padded, weights.view(1, 1, 1, -1))
    return functional.conv2d(across, weights.view(1, 1, -1, 1))[:, 0]


def contrast(image: Tensor, share: float, _: Generator) -> Tensor:
    """Return m + c (x - m), with m the mean of each channel."""
    mean = image.mean((1, 2), keepdim=True)
    return mean + share * (image - mean)


def brightness(image: Tensor, added: float, _: Generator) -> Tensor:
    """Replace V by V + c, clipped to [0, 1], in HSV, V being the largest channel; for grey images return x + c."""
    value = image.amax(0, keepdim=True)
    brighter = (value + added).clamp(0, 1)
    return torch.where(value > 0, image * brighter / value.clamp(min=1e-9), brighter)


def pixelate(image: Tensor, share: float, _: Generator) -> Tensor:
    """Replace each window of a grid of c H by c W windows by its mean."""
    height, width = image.shape[1:]
    size = (max(1, int(height * share)), max(1, int(width * share)))
    small = functional.adaptive_avg_pool2d(image, size)
    return functional.interpolate(small[None], (height, width), mode="nearest-exact")[0]


KINDS: Mapping[str, CorruptionFunction] = {
    each.__name__: each
    for each in (
        gaussian_noise,
        shot_noise,
        impulse_noise,
        speckle_noise,
        gaussian_blur,
        contrast,
        brightness,
        pixelate,
    )
}

SYMBOLS = {
    **dict.fromkeys(("gaussian_noise", "speckle_noise", "gaussian_blur"), "σ = "),
    **{"shot_noise": "photons = ", "impulse_noise": "share = ", "brightness": "+"},
    **dict.fromkeys(("contrast", "pixelate"), "×"),
}


def corruption_label(kind: str, level: float) -> str:
    """Return the label of a metric, such as `Gaussian noise σ = 0.1`."""
    return f"{kind.capitalize().replace('_', ' ')} {SYMBOLS[kind]}{level:g}"


def check_level(kind: str, level: object) -> None:
    """Raise ValueError unless the level is a number in the kind's range."""
    above = kind in ("shot_noise", "pixelate")
    most = 1 if kind in ("impulse_noise", "pixelate") else None
    checks.number(f"a level of {kind}", level, above=0 if above else None, least=None if above else 0, most=most)
