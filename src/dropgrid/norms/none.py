"""No normalization."""

from collections.abc import Callable

from torch import nn


def none(layer: Callable[..., nn.Module], features: int) -> tuple[nn.Module, nn.Module]:
    """The layer with its bias, and the identity."""
    return layer(bias=True), nn.Identity()
