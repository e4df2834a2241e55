"""Gaussian weights with one standard deviation for all layers."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid import checks
from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases


def normal(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    std: float,
) -> None:
    """w ~ N(0, std²) in every layer. Biases 0.

    A layer multiplies the signal's variance by std² · fan_in · E[φ(z)²]: wide layers amplify, narrow ones damp.

    Args:
        std: above 0.

    Raises:
        ValueError: std not above 0.

    Source: Krizhevsky et al., NeurIPS 2012, §5 (0.01); Simonyan and Zisserman, ICLR 2015, §3.1, on what it costs in
    deep nets. Differs from Krizhevsky's: no biases of 1.
    """
    checks.number("init.std", std, above=0)
    zero_biases(model)
    for weight in weights(model):
        weight.set(draw_like(weight.tensor, std, "normal", generator(weight.name)))
