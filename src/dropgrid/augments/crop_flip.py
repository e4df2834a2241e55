"""Random crop and mirror image, the standard augmentation of small images (He et al., CVPR 2016, §4.2)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dropgrid import checks
from dropgrid.augments.context import IGNORED


def crop_flip(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Any = None,
    padding: int,
    flip: bool,
) -> tuple[Tensor, Tensor]:
    """Pad each image by `padding` zeros on every side, cut a random H × W window, mirror half of the images.

    Images are normalised, so the zeros are the training set's mean colour. Corners are uniform over the
    (2·padding + 1)² windows that fit.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: masks (N, H, W) are cut and mirrored with their images, padded by `IGNORED`; others return unchanged.
        generator: on the images' device; draws the N rows and N columns of the corners, then N mirrorings.
        context: not needed.
        padding: pixels, 0 for no crop; less than H and W.
        flip: mirror left and right with probability 1/2.

    Differs from the paper: the mean is by channel, in the paper by pixel.
    """
    count, _, height, width = images.shape
    if not checks.is_whole_number(padding) or not 0 <= padding < min(height, width):
        raise ValueError(
            f"augment.padding must be a whole number of pixels, 0 or more and less than the image of {height}×{width}, "
            f"got {padding!r}"
        )
    checks.boolean("augment.flip", flip)
    if padding == 0 and not flip:
        raise ValueError("augment.padding=0 with augment.flip=false does nothing: use augment=none")
    device = images.device
    top, left = torch.randint(2 * padding + 1, (2, count, 1), generator=generator, device=device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.arange(width, device=device)
    if flip:
        mirrored = torch.rand(count, 1, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    cells = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    cut = window(images, cells, padding, 0)
    if targets.dim() == 3:
        targets = window(targets[:, None], cells, padding, IGNORED)[:, 0]
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return cut.contiguous(memory_format=torch.channels_last) if last else cut, targets


def window(images: Tensor, cells: Tensor, padding: int, fill: int) -> Tensor:
    """Return the cells (N, H, W), numbered by row, of images (N, C, H, W) padded on every side."""
    padded = F.pad(images, [padding] * 4, value=fill).flatten(2)
    return padded.gather(2, cells.flatten(1)[:, None].expand(-1, images.shape[1], -1)).view_as(images)
