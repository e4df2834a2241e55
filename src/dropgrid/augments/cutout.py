"""Cutout (DeVries, Taylor, 2017, arXiv 1708.04552)."""

from functools import lru_cache

import torch
from torch import Tensor

from dropgrid import checks
from dropgrid.augments.context import Context, scales

SHAPES = ("square", "disk", "wide")
FILLS = ("mean", "black", "white", "noise")


def cutout(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Context | None = None,
    size: int,
    inside: bool,
    probability: float,
    shape: str,
    fill: str,
) -> tuple[Tensor, Tensor]:
    """Cover `size`² pixels at a random place of each image, with a probability.

    Images are normalised, so zero is the training set's mean colour. `inside` false: the centre is uniform over the
    pixels, and the shape is cut off at the border (§3.2). `inside` true: uniform over the places where it fits.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: returned unchanged.
        generator: on the images' device; draws N rows, N columns, N decisions, then the noise.
        context: its `mean` and `std` define black and white; None: 0 and 1.
        size: side of the square in pixels; if the shape has to be inside, it has to fit into H × W.
        inside: see above.
        probability: probability that an image is covered, in (0, 1].
        shape: square; disk: the size² pixels nearest to its centre; wide: a rectangle about twice as wide as high, of
            size² pixels as nearly as whole ones allow.
        fill: mean, black, white, or noise (independent standard normal values).

    Source: §3.2 and the released code, which has size 16 for CIFAR-10 and 8 for CIFAR-100, of 32×32 pixels.
    """
    count, _, height, width = images.shape
    checks.whole_number("augment.size", size, 1, what="a whole number of pixels")
    checks.boolean("augment.inside", inside)
    checks.number("augment.probability", probability, above=0, most=1)
    checks.one_of("augment.shape", shape, SHAPES)
    checks.one_of("augment.fill", fill, FILLS)
    stamp = pattern(shape, size)
    if inside and (stamp.shape[0] > height or stamp.shape[1] > width):
        raise ValueError(
            f"augment.size={size} does not fit inside an image of {height}×{width} (augment.inside=true): "
            f"the {shape} has {stamp.shape[0]}×{stamp.shape[1]} pixels"
        )
    device = images.device

    def covered(length: int, extent: int) -> tuple[Tensor, Tensor]:
        places = length - extent + 1 if inside else length
        first = torch.randint(places, (count, 1), generator=generator, device=device)
        first = first if inside else first - extent // 2
        cell = torch.arange(length, device=device)
        return cell - first, (cell >= first) & (cell < first + extent)

    (down, rows), (across, columns) = covered(height, stamp.shape[0]), covered(width, stamp.shape[1])
    wanted = torch.rand(count, 1, generator=generator, device=device) < probability
    hole = rows[:, :, None] & (columns & wanted)[:, None, :]
    if shape == "disk":
        down, across = (cells.clamp(0, len(stamp) - 1) for cells in (down, across))  # its frame is a square
        hole &= stamp.to(device)[down[:, :, None], across[:, None, :]]
    hole = hole[:, None]
    if fill == "mean":
        return images * ~hole, targets
    mean, std = scales(context)
    if fill == "noise":
        value = torch.randn(images.shape, generator=generator, device=device)
    else:
        value = torch.as_tensor((float(fill == "white") - mean) / std, device=device)
    covering = torch.where(hole, value.to(images.dtype), images)
    return torch.empty_like(images).copy_(covering), targets


@lru_cache
def pattern(shape: str, size: int) -> Tensor:
    """Return the pixels of a shape of `size`² in its smallest frame, bool (h, w)."""
    if shape == "square":
        return torch.ones(size, size, dtype=torch.bool)
    if shape == "wide":
        high = max(1, round(size / 2**0.5))
        return torch.ones(high, round(size**2 / high), dtype=torch.bool)
    # in half pixels about the centre, which is a pixel's middle or a corner: a frame wider than the disk's 1.13 sizes
    side = range(-2 * size + size % 2 + 1, 2 * size, 2)
    pixels = sorted(((y, x) for y in side for x in side), key=turning)[: size**2]
    disk = torch.zeros(len(side), len(side), dtype=torch.bool)
    for y, x in pixels:
        disk[(y - side[0]) // 2, (x - side[0]) // 2] = True
    return disk[disk.any(1)][:, disk.any(0)]


def turning(pixel: tuple[int, int]) -> tuple[int, int, int]:
    """Return a sort key: distance from the centre, with the pixels of one quarter-turn orbit side by side."""
    y, x = pixel
    return y * y + x * x, y * x * (y * y - x * x), min(abs(y), abs(x))
