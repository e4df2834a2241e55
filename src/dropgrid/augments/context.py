"""The learner's context of an augmentation."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn


class Context(Protocol):
    """The learner, as an augmentation sees it."""

    @property
    def network(self) -> nn.Module:
        """Return the outputs of normalised floats (N, C, H, W)."""

    @property
    def loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the scalar loss of outputs, and of targets as the augmentation has them or mixes them."""

    @property
    def mean(self) -> Tensor:
        """The mean (C, 1, 1) of the images in [0, 1]: a normalised image is (x - mean) / std."""

    @property
    def std(self) -> Tensor:
        """The standard deviation (C, 1, 1) of the images in [0, 1]."""

    @property
    def classes(self) -> int:
        """The number of classes."""


class Stand:
    """Stands in for the learner as the context of an augmentation that is checked before there is one."""

    mean, std = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)

    def __init__(self, network: nn.Module, loss: nn.Module, classes: int):
        self.network, self.loss, self.classes = network, loss, classes


def scales(context: Context | None) -> tuple[Tensor | float, Tensor | float]:
    """Return mean and standard deviation of the images' normalization; 0 and 1 without a context."""
    return (0.0, 1.0) if context is None else (context.mean, context.std)


IGNORED = -100
"""The target of pixels of a mask that are neither trained on nor counted: torch's losses leave it out."""


def refuse_masks(option: str, targets: Tensor) -> None:
    """Raise ValueError if targets are masks (N, H, W), which an augmentation cannot follow."""
    if targets.dim() == 3:
        raise ValueError(
            f"augment={option} has no form for masks; crop_flip, scale_crop, cutout and random_erasing have one"
        )
