"""CutMix (Yun et al., ICCV 2019), by torchvision."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix

from dropgrid.augments.context import Context, refuse_masks
from dropgrid.augments.mixing import mix


def cutmix(
    images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Context | None = None, alpha: float
) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of the previous image of the batch at the same place, and mix the targets by area.

    There is one rectangle per batch: its area is 1 - λ of the image's, λ ~ Beta(α, α), its centre is uniform over the
    pixels, and it is cut off at the border; targets are mixed by its remaining area.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: indices (N,), or class probabilities (N, classes) if an augmentation stacked before made them so;
            returned as class probabilities, float32.
        generator: seeds torch's global generator, from which torchvision draws; its state is restored.
        context: its `classes` is the number of classes.
        alpha: above 0; 1 in the paper: λ uniform.

    Source: §3.1 and Algorithm A1 of the paper. Differs from the paper: the other image is the neighbour, not that of
    a permutation; batches are shuffled.
    """
    refuse_masks("cutmix", targets)
    return mix(CutMix, images, targets, generator=generator, context=context, alpha=alpha)
