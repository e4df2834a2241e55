"""Random scale, window and mirror image, the standard augmentation of segmentation (Chen et al., arXiv 1706.05587)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dropgrid import checks
from dropgrid.augments.context import IGNORED


def scale_crop(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Any = None,
    scales: Sequence[float],
    flip: bool,
) -> tuple[Tensor, Tensor]:
    """Resize each image by a factor s, uniform within `scales`, take a random H × W window, mirror half of the images.

    A larger image is cut; a smaller one is placed at random in the window and surrounded by zeros, the training set's
    mean colour, since images are normalised. In coordinates from -1 to 1 the pixel at x of the result is at
    ±x/s + u·(1 - 1/s) of the image, u uniform in [-1, 1].

    Args:
        images: floats (N, C, H, W), sampled bilinearly; their memory format is kept.
        targets: masks (N, H, W) are sampled at the nearest pixel, and surrounded by `IGNORED`; others return unchanged.
        generator: on the images' device; draws the N factors, then N rows and N columns, then N mirrorings.
        context: not needed.
        scales: the smallest and the largest factor, above 0.
        flip: mirror left and right with probability 1/2.

    Raises:
        ValueError: an argument is out of its range, or nothing would be done.

    Source: §4.1, factors 0.5 to 2. Differs from it: smaller images are not smoothed before they are sampled.
    """
    low, high = limits(scales)
    checks.boolean("augment.flip", flip)
    if low == high == 1 and not flip:
        raise ValueError("augment.scales=[1, 1] with augment.flip=false does nothing: use augment=none")
    count, device = len(images), images.device
    factor = low + (high - low) * torch.rand(count, generator=generator, device=device)
    place = 2 * torch.rand(2, count, generator=generator, device=device) - 1
    mirrored = torch.rand(count, generator=generator, device=device) < 0.5
    shrink = 1 / factor
    moves = torch.zeros(count, 2, 3, device=device)
    moves[:, 0, 0] = torch.where(mirrored & flip, -shrink, shrink)
    moves[:, 1, 1] = shrink
    moves[:, :, 2] = (place * (1 - shrink)).T
    grid = F.affine_grid(moves, [count, 1, *images.shape[2:]], align_corners=False)
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    found = F.grid_sample(images, grid.to(images.dtype), mode="bilinear", align_corners=False)
    if targets.dim() == 3:
        shifted = (targets - IGNORED)[:, None].float()  # what lies outside is sampled as 0
        sampled = F.grid_sample(shifted, grid, mode="nearest", align_corners=False)
        targets = sampled[:, 0].to(targets.dtype) + IGNORED
    return found.contiguous(memory_format=torch.channels_last) if last else found, targets


def limits(scales: Sequence[float]) -> tuple[float, float]:
    """Return the smallest and the largest factor; ValueError unless both are above 0 and in order."""
    if not isinstance(scales, Sequence) or isinstance(scales, str) or len(scales) != 2:
        raise ValueError(f"augment.scales must be [smallest, largest], got {scales!r}")
    low, high = (checks.number("augment.scales", each, above=0) for each in scales)
    if low > high:
        raise ValueError(f"augment.scales must be [smallest, largest], got {list(scales)}")
    return low, high
