"""The headline metric on test images with a square covered."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from dropgrid import checks, streams
from dropgrid.measure.trained_cell import Measure, TrainedCell, require_list

FILLS = ("mean", "black")


def occlusion(cell: TrainedCell, *, sizes: Sequence[int], fill: str, seed: int) -> dict[str, Measure]:
    """The headline metric with a `size` × `size` square covered in each image, at each size.

    The square's position is uniform inside the image and a function of (seed, place of the image in its split): every
    cell sees the same images.

    Args:
        sizes: sides in pixels, from 1 to the image's.
        fill: `mean`, the training set's mean colour rounded to 8 bits, or `black`.

    Raises:
        ValueError: an argument is out of its range.

    Source: after DeVries and Taylor, 2017, arXiv 1708.04552.
    """
    for size in require_list("sizes", sizes):
        if not checks.is_whole_number(size) or size < 1:
            raise ValueError(f"sizes lists whole numbers of pixels, 1 or more, got {size!r}")
    checks.one_of("fill", fill, FILLS)
    mean = cell.splits.mean.view(-1, 1, 1).cpu()
    colour = ((mean if fill == "mean" else torch.zeros_like(mean)) * 255).round().to(torch.uint8)
    found = {}
    for size in sizes:
        made = partial(occlude, size=size, colour=colour, seed=seed)
        measured = cell.headline(cell.predict(cell.splits.test, corrupt=made))
        found[f"occlusion_{size}"] = measured._replace(label=f"Occlusion {size}×{size}")
    return found


def occlude(images: Tensor, first: int, *, size: int, colour: Tensor, seed: int) -> Tensor:
    """Cover a square of `colour` (C, 1, 1) in images, uint8 (N, C, H, W), at places `first`, … of their split."""
    height, width = images.shape[2:]
    if size > min(height, width):
        raise ValueError(f"sizes has {size}, which does not fit inside an image of {height}×{width}")
    covered = images.clone()
    for index, image in enumerate(covered):
        draw = torch.rand(2, generator=streams.generator(seed, "occlusion", first + index), dtype=torch.float64)
        top, left = (int(part * (length - size + 1)) for part, length in zip(draw, (height, width), strict=True))
        image[:, top : top + size, left : left + size] = colour
    return covered
