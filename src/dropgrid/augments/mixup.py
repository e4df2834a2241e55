"""Mixup (Zhang et al., ICLR 2018), by torchvision."""

from functools import lru_cache

import torch
from torch import Tensor
from torchvision.transforms.v2 import MixUp

from dropgrid.augments.context import Context


def mixup(
    images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Context | None = None, alpha: float
) -> tuple[Tensor, Tensor]:
    """λ x + (1 - λ) x' of images and targets alike, x' the image before in the batch, λ of Beta(α, α) once a batch.

    Args:
        images: floats (N, C, H, W); their memory format is kept.
        targets: indices (N,), or class probabilities (N, classes) where something stacked before made them so;
            returned as class probabilities, float32.
        generator: seeds torch's own, from which torchvision draws and which is put back.
        context: its `classes` says how many there are.
        alpha: above 0; smaller is nearer to no mixing.

    Source: §2 and Fig. 1a of the paper. Differs from the paper: x' is the neighbour, not that of a permutation;
    batches are shuffled.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
        raise ValueError(f"augment.alpha must be a number above 0, got {alpha!r}")
    if context is None:
        raise ValueError("mixup needs a context: it has to know how many classes there are")
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mixed, shares = transform(float(alpha), context.classes)(images, targets)
    return torch.empty_like(images).copy_(mixed), shares


@lru_cache
def transform(alpha: float, classes: int) -> MixUp:
    """torchvision's."""
    return MixUp(alpha=alpha, num_classes=classes)
