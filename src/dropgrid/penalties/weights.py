"""The weights that penalties act on."""

from collections.abc import Iterator

from torch import nn


def weights(model: nn.Module) -> Iterator[nn.Parameter]:
    """Weights of convolutions and linear layers: parameters of two dimensions or more, no norm's, no bias."""
    return (parameter for parameter in model.parameters() if parameter.dim() > 1)
