"""AutoAugment (Cubuk et al., CVPR 2019): torchvision's policies."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

POLICIES = tuple(policy.value for policy in AutoAugmentPolicy)


def autoaugment(
    images: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    context: Any = None,
    policy: str,
) -> tuple[Tensor, Tensor]:
    """A sub-policy of a learned policy on each image: two operations, each with its probability and magnitude.

    The operations are of 8-bit images: they are rebuilt from the normalised ones (exactly, where nothing before this
    changed values), transformed one by one, and normalised again. What an operation uncovers is black.

    Args:
        images: floats (N, C, H, W), C 1 or 3; their memory format is kept.
        targets: returned as they are.
        generator: seeds torch's own, from which torchvision draws and which is put back.
        context: its `mean` and `std` are those that the images were normalised with; None: 0 and 1.
        policy: imagenet, cifar10 or svhn: the data that it was learned on.

    Raises:
        ValueError: another policy, or images of 2 or more than 3 channels.

    Source: Tables 7 to 9 of the paper, as torchvision has them.
    """
    if policy not in POLICIES:
        raise ValueError(f"augment.policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if images.shape[1] not in (1, 3):
        raise ValueError(f"autoaugment takes images of 1 or 3 channels, got {images.shape[1]}")
    mean, std = (0.0, 1.0) if context is None else (context.mean, context.std)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    bytes_ = ((images.float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        changed = torch.stack([transform(policy)(image) for image in bytes_])
    return torch.empty_like(images).copy_((changed.float() / 255 - mean) / std), targets


@lru_cache
def transform(policy: str) -> AutoAugment:
    """torchvision's."""
    return AutoAugment(AutoAugmentPolicy(policy))
