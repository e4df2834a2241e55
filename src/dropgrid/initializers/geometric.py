"""Variance by the geometric mean of the fans."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid.initializers.gains import gain_of
from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases


def geometric(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    gain: float | str,
    distribution: str,
) -> None:
    """Var(w) = c / √(fan_in · fan_out) with c = gain²; the classifier's c is 1. Biases 0.

    Between Kaiming's fan_in (forward) and fan_out (backward) as Xavier's is, but by the geometric mean: a layer
    multiplies the forward variance by √(fan_in / fan_out) and the backward one by its inverse, so that both products
    over a net depend on its first and last width alone.

    Args:
        gain: activation, critical or a number above 0 (see `gains`).
        distribution: normal or uniform.

    Raises:
        ValueError: an argument is out of its range.

    Notes that circulate give Var(w) = √(fan_in · fan_out), without the reciprocal: that variance would grow with the
    width, and the signal's with its square.
    """
    factor = gain_of(gain, activation)
    zero_biases(model)
    for weight in weights(model):
        std = (1.0 if weight.classifier else factor) * (weight.fan_in * weight.fan_out) ** -0.25
        weight.set(draw_like(weight.tensor, std, distribution, generator(weight.name)))
