"""The gains that `init.gain` may name."""

from collections.abc import Callable

from torch import nn

from dropgrid import checks
from dropgrid.initializers import kaiming
from dropgrid.initializers.critical import critical_point


def gain_of(gain: float | str, activation: Callable[[], nn.Module]) -> float:
    """Return the gain of the layers that an activation follows.

    Args:
        gain: `activation` keeps the second moment (`kaiming.gain`: √2 for ReLU, 1.59 for tanh); `critical` keeps
            small differences, and with them gradients (σ_w of `critical_point` without biases: √2 for ReLU, 1 for
            tanh); or a number above 0.

    Raises:
        ValueError: another word, a number not above 0, or no critical point.
    """
    if gain == "activation":
        return kaiming.gain(activation)
    if gain == "critical":
        point = critical_point(activation, 0.0)
        if point is None:
            raise ValueError(f"init.gain=critical: {activation()} has no critical point without biases; use activation")
        return point.sigma_w
    return checks.number("init.gain", gain, above=0, what="activation, critical or a number")
