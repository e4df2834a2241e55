"""Mixup (Zhang et al., ICLR 2018), by torchvision."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import MixUp

from dropgrid.augments.context import Context, refuse_masks
from dropgrid.augments.mixing import mix


def mixup(
    images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Context | None = None, alpha: float
) -> tuple[Tensor, Tensor]:
    """Mix images and targets: λ x + (1 - λ) x', x' the previous image of the batch, λ ~ Beta(α, α), drawn once a batch.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: indices (N,), or class probabilities (N, classes) if an augmentation stacked before made them so;
            returned as class probabilities, float32.
        generator: seeds torch's global generator, from which torchvision draws; its state is restored.
        context: its `classes` is the number of classes.
        alpha: above 0; smaller is nearer to no mixing.

    Source: §2 and Fig. 1a of the paper. Differs from the paper: x' is the neighbour, not that of a permutation;
    batches are shuffled.
    """
    refuse_masks("mixup", targets)
    return mix(MixUp, images, targets, generator=generator, context=context, alpha=alpha)
