"""The weights that penalties act on."""

from collections.abc import Iterator

from torch import nn


def weights(model: nn.Module) -> Iterator[nn.Parameter]:
    """Iterate over the weights of convolutions and linear layers: parameters of two or more dimensions."""
    return (parameter for parameter in model.parameters() if parameter.dim() > 1)
