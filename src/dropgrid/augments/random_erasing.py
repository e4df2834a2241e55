"""Random erasing (Zhong et al., AAAI 2020)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dropgrid import checks
from dropgrid.augments.context import Context

ATTEMPTS = 10
FILLS = ("random", "mean")


def random_erasing(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    probability: float,
    scale: Sequence[float],
    ratio: Sequence[float],
    fill: str,
) -> tuple[Tensor, Tensor]:
    """Cover a rectangle of random area, aspect and place on each image, with a probability.

    With A uniform over `scale` times the image's area and log r uniform over the logarithms of `ratio`, it has
    round(√(A r)) rows and round(√(A / r)) columns. Of ten attempts the first that is smaller than the image in both
    directions is placed uniformly where it fits; if there is none, the image does not change.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: returned unchanged.
        generator: on the images' device; draws N decisions, 10 × N areas and aspects, 2 × N places, then the noise.
        context: not needed.
        probability: probability that an image is covered, in (0, 1].
        scale: least and greatest share of the image's area, in (0, 1].
        ratio: least and greatest aspect r, above 0.
        fill: random (independent standard normal values), or mean (the training set's mean colour, 0).

    Source: Algorithm 1 of the paper. Differs from the paper, as torchvision's RandomErasing does: ten attempts, not
    any number; the logarithm of r is uniform, not r; random values are normal, not uniform over all levels.
    """
    checks.number("augment.probability", probability, above=0, most=1)
    least, most = check_range("scale", scale, "in (0, 1]", 1.0)
    flat, tall = check_range("ratio", ratio, "above 0", math.inf)
    checks.one_of("augment.fill", fill, FILLS)
    count, _, height, width = images.shape
    device = images.device

    def uniform(*size: int) -> Tensor:
        # in float32 a number just below 1 times a number of places can round up to a place too many
        return torch.rand(*size, generator=generator, device=device, dtype=torch.float64)

    wanted = uniform(count) < probability
    area = height * width * (least + (most - least) * uniform(ATTEMPTS, count))
    aspect = torch.exp(math.log(flat) + (math.log(tall) - math.log(flat)) * uniform(ATTEMPTS, count))
    rows, columns = (area * aspect).sqrt().round().long(), (area / aspect).sqrt().round().long()
    fits = (rows < height) & (columns < width)
    first = fits.int().argmax(0, keepdim=True)
    wanted &= fits.any(0)
    covered = []
    for length, extents in ((height, rows), (width, columns)):
        extent = extents.gather(0, first)[0]
        begin = (uniform(count) * (length - extent + 1)).long()
        cell = torch.arange(length, device=device)
        covered.append((cell >= begin[:, None]) & (cell < (begin + extent)[:, None]))
    hole = (covered[0][:, :, None] & (covered[1] & wanted[:, None])[:, None, :])[:, None]
    if fill == "mean":
        return images * ~hole, targets
    noise = torch.randn(images.shape, generator=generator, device=device)
    return torch.empty_like(images).copy_(torch.where(hole, noise.to(images.dtype), images)), targets


def check_range(name: str, values: object, allowed: str, end: float) -> tuple[float, float]:
    """Return two numbers above 0 and at most `end`, in order; ValueError names the argument."""
    pair = [*values] if isinstance(values, Sequence) else []
    numbers = len(pair) == 2 and all(map(checks.is_number, pair))
    if not numbers or not 0 < pair[0] <= pair[1] <= end or math.isinf(pair[1]):
        raise ValueError(f"augment.{name} must be [least, greatest], {allowed}, got {values!r}")
    return pair[0], pair[1]
