"""Cutout (DeVries, Taylor, 2017, arXiv 1708.04552)."""

from typing import Any

import torch
from torch import Tensor


def cutout(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Any = None,
    size: int,
    inside: bool,
    probability: float,
) -> tuple[Tensor, Tensor]:
    """Put a `size` × `size` square of zeros on each image, its own place, with a probability.

    Images come normalised, so zero is the training set's mean colour. `inside` false: the centre is uniform over the
    pixels, and the square is cut off at the border (§3.2). `inside` true: uniform over the places where all of it fits.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: returned as they are.
        generator: on the images' device; draws N rows, N columns, then N decisions.
        context: not needed.
        size: side of the square in pixels; at most H and W where it has to be inside.
        inside: see above.
        probability: of an image to get a square, in (0, 1].

    Source: §3.2 and the released code, which has size 16 for CIFAR-10 and 8 for CIFAR-100, of 32×32 pixels.
    """
    count, _, height, width = images.shape
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"augment.size must be a whole number of pixels, 1 or more, got {size!r}")
    if not isinstance(inside, bool):
        raise ValueError(f"augment.inside must be true or false, got {inside!r}")
    if inside and size > min(height, width):
        raise ValueError(f"augment.size={size} does not fit inside an image of {height}×{width} (augment.inside=true)")
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 < probability <= 1:
        raise ValueError(f"augment.probability must be in (0, 1], got {probability!r}")
    device = images.device

    def covered(length: int) -> Tensor:
        places = length - size + 1 if inside else length
        first = torch.randint(places, (count, 1), generator=generator, device=device)
        first = first if inside else first - size // 2
        cell = torch.arange(length, device=device)
        return (cell >= first) & (cell < first + size)

    rows, columns = covered(height), covered(width)
    wanted = torch.rand(count, 1, generator=generator, device=device) < probability
    hole = rows[:, :, None] & (columns & wanted)[:, None, :]
    return images * ~hole[:, None], targets
