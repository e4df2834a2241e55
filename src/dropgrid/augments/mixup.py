"""Mixup (Zhang et al., ICLR 2018), by torchvision."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import MixUp

from dropgrid.augments.context import Context
from dropgrid.augments.mixing import mix


def mixup(
    images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Context | None = None, alpha: float
) -> tuple[Tensor, Tensor]:
    """λ x + (1 - λ) x' of images and targets alike, x' the image before in the batch, λ of Beta(α, α) once a batch.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: indices (N,), or class probabilities (N, classes) if an augmentation stacked before made them so;
            returned as class probabilities, float32.
        generator: seeds torch's own, from which torchvision draws and which is put back.
        context: its `classes` says how many there are.
        alpha: above 0; smaller is nearer to no mixing.

    Source: §2 and Fig. 1a of the paper. Differs from the paper: x' is the neighbour, not that of a permutation;
    batches are shuffled.
    """
    return mix(MixUp, images, targets, generator=generator, context=context, alpha=alpha)
