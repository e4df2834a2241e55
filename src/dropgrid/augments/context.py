"""The context that the learner gives an augmentation besides the batch."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn


class Context(Protocol):
    """The learner, as an augmentation sees it."""

    @property
    def network(self) -> nn.Module:
        """Normalised floats (N, C, H, W) to the outputs."""

    @property
    def loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Outputs, and targets as the augmentation has or mixes them, to a scalar."""

    @property
    def mean(self) -> Tensor:
        """(C, 1, 1), of the images in [0, 1]: a normalised image is (x - mean) / std."""

    @property
    def std(self) -> Tensor:
        """(C, 1, 1), of the images in [0, 1]."""

    @property
    def classes(self) -> int:
        """The number of classes."""


def scales(context: Context | None) -> tuple[Tensor | float, Tensor | float]:
    """Mean and standard deviation that the images were normalised with; without a context 0 and 1."""
    return (0.0, 1.0) if context is None else (context.mean, context.std)
