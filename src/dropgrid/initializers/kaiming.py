"""Kaiming initialization (He et al., ICCV 2015)."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dropgrid import checks
from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases


def gain(activation: Callable[[], nn.Module]) -> float:
    """Return 1 / √E[φ(z)²], z ~ N(0, 1), which keeps the second moment of a layer's output; √2 for ReLU.

    By the trapezoid rule on ±10 with kinks at a node: exact to 1e-6 for the smooth and the piecewise linear ones.
    Differs from torch.nn.init.calculate_gain, whose 5/3 for tanh is a rule of thumb (the formula gives 1.59).
    """
    # on the CPU even where the model is built on the meta device, which has no numbers
    with torch.device("cpu"), torch.no_grad():
        z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
        density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        second_moment = torch.trapezoid(activation().to(torch.float64)(z) ** 2 * density, z)
    scale: float = float(second_moment) ** -0.5
    return scale


def kaiming(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    mode: str,
    distribution: str,
) -> None:
    """Var(w) = gain² / fan; the classifier, which no activation follows, 1 / fan_in. Biases 0.

    Args:
        mode: fan_in keeps the forward signal's variance, fan_out the gradient's (§2.2).
        distribution: normal or uniform.

    Differs from the paper: it derives the gain for ReLU and its kin (§2.2, eq. 10; eq. 15 with a slope); for any other
    activation it is the same formula, E[φ(z)²] in place of 1/2.
    """
    checks.one_of("init.mode", mode, ("fan_in", "fan_out"))
    zero_biases(model)
    factor = gain(activation)
    for weight in weights(model):
        std = weight.fan_in**-0.5 if weight.classifier else factor * getattr(weight, mode) ** -0.5
        weight.set(draw_like(weight.tensor, std, distribution, generator(weight.name)))
