"""The weights that penalties act on, and the strengths that none can mean."""

from collections.abc import Iterator
from typing import Any

from torch import nn


def weights(model: nn.Module) -> Iterator[nn.Parameter]:
    """Weights of convolutions and linear layers: parameters of two dimensions or more, no norm's, no bias."""
    return (parameter for parameter in model.parameters() if parameter.dim() > 1)


def strength(name: str, value: Any) -> float:
    """The value, or ValueError unless it is a finite number above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ValueError(f"penalty.{name} must be a number above 0, got {value!r}")
    return float(value)
