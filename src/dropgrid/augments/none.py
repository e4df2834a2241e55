"""No augmentation."""

from typing import Any

import torch
from torch import Tensor


def none(images: Tensor, targets: Tensor, *, generator: torch.Generator, context: Any = None) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) and targets unchanged; draws nothing."""
    return images, targets
