"""All weights 0: a control that shows what initialization is for."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid.initializers.layers import Generators, weights, zero_biases


def zeros(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
) -> None:
    """w = 0, biases 0.

    The units of a layer are alike and their gradients too, so they stay alike. With φ(0) = 0 (ReLU, tanh) only the
    classifier's bias has a gradient: the network learns how frequent the classes are, and nothing else.

    Raises:
        ValueError: a weight-normalised layer: 0 has no direction.

    Source: Goodfellow, Bengio, Courville, Deep Learning, 2016, §8.4, on breaking symmetry.
    """
    zero_biases(model)
    for weight in weights(model):
        weight.zero()
