"""Xavier initialization (Glorot, Bengio, AISTATS 2010)."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases


def xavier(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    distribution: str,
) -> None:
    """Var(w) = 2 / (fan_in + fan_out); uniform on ±√(6 / (fan_in + fan_out)) (eq. 12 and 16). Biases 0.

    Derived for activations that are linear around 0, such as tanh; it knows no gain.
    """
    zero_biases(model)
    for weight in weights(model):
        std = (2 / (weight.fan_in + weight.fan_out)) ** 0.5
        weight.set(draw_like(weight.tensor, std, distribution, generator(weight.name)))
