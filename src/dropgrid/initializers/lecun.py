"""LeCun initialization (LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998)."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases


def lecun(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    distribution: str,
) -> None:
    """Var(w) = 1 / fan_in (§4.6, eq. 16). Biases 0.

    Keeps the variance of a linear layer's output. It knows no gain: the paper's activation, 1.7159 tanh(2x/3), has
    one near 1 built in (§4.4); with ReLU the signal's variance halves from layer to layer.

    Args:
        distribution: normal or uniform, on ±√(3 / fan_in).

    Raises:
        ValueError: another distribution.
    """
    zero_biases(model)
    for weight in weights(model):
        weight.set(draw_like(weight.tensor, weight.fan_in**-0.5, distribution, generator(weight.name)))
