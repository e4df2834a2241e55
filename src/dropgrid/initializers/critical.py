"""Critical initialization by mean field theory (Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017)."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.layers import Generators, draw_like, weights, zero_biases

NEAR_ZERO = 1e-20
"""A variance at which E[φ'(√q z)²] is that of q -> 0, from either side of a kink."""

VARIANCES = np.logspace(-8, 4, 97)
"""The grid on which fixed points are searched."""


class Point(NamedTuple):
    """σ_w, σ_b and the variance q* of a unit's input at a critical point; at q* = 0 it is a limit."""

    sigma_w: float
    sigma_b: float
    q: float


def moments(activation: Callable[[], nn.Module], q: float) -> tuple[float, float]:
    """Return E[φ(√q z)²] and E[φ'(√q z)²], z ~ N(0, 1), by the midpoint rule on ±10: no node at a kink at 0."""
    with torch.device("cpu"), torch.enable_grad():
        step = 1e-3
        z = (torch.arange(-10_000, 10_000, dtype=torch.float64) + 0.5) * step
        density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * step
        input = (math.sqrt(q) * z).requires_grad_()
        output = activation().to(torch.float64)(input)
        (slope,) = torch.autograd.grad(output.sum(), input)
    return float(output.detach() ** 2 @ density), float(slope**2 @ density)


def critical_point(activation: Callable[[], nn.Module], sigma_b: float) -> Point | None:
    """Return the σ_w at which a small difference of two inputs neither grows nor shrinks from layer to layer.

    σ_w² E[φ'(√q* z)²] = 1 (that is χ₁) at the fixed point q* = σ_w² E[φ(√q* z)²] + σ_b² of the variance. Eliminating
    σ_w, q* is a root of E[φ²] / E[φ'²] + σ_b² - q; it is the smallest that the variance does not run away from. Without
    biases and with φ(0) = 0 that is q* = 0 for tanh and ELU, σ_w = 1; for ReLU and its kin any q is a fixed point and
    σ_w = √2. There is none, and None, for swish and GELU there, and for ReLU with biases.
    """
    second, slope = moments(activation, NEAR_ZERO)
    if sigma_b == 0 and second < NEAR_ZERO**0.5 and stable(activation, slope**-0.5, 0.0, 0.0):
        return Point(slope**-0.5, 0.0, 0.0)

    def excess(q: float) -> float:
        first, slope = moments(activation, q)
        return first / slope + sigma_b**2 - q

    values = [excess(q) for q in VARIANCES]
    for place in np.flatnonzero(np.diff(np.sign(values))):
        low, high = VARIANCES[place : place + 2]
        q = float(brentq(excess, low, high, xtol=1e-13, rtol=1e-13))
        sigma_w = moments(activation, q)[1] ** -0.5
        if stable(activation, sigma_w, sigma_b, q):
            return Point(sigma_w, sigma_b, q)
    return None


def stable(activation: Callable[[], nn.Module], sigma_w: float, sigma_b: float, q: float) -> bool:
    """Predicate: a variance slightly above a fixed point does not grow."""
    above = 1.001 * q if q > 0 else 1e-3
    return sigma_w**2 * moments(activation, above)[0] + sigma_b**2 <= above * (1 + 1e-9)


def critical(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    sigma_b: float,
) -> None:
    """w ~ N(0, σ_w² / fan_in), b ~ N(0, σ_b²) with χ₁ = σ_w² E[φ'(√q* z)²] = 1; the classifier: 1 / fan_in, bias 0.

    On the line between order, where gradients vanish with depth, and chaos, where they explode. For tanh each σ_b has
    a point of it: 0 is (σ_w, q*) = (1, 0), where the variance falls as 1 / depth; 0.1 is (1.19, 0.27).

    Args:
        sigma_b: standard deviation of the biases, 0 or more; above 0 each layer needs one, so norm=none.

    Raises:
        ValueError: sigma_b below 0, no critical point, or biases for a layer that has none.

    Source: Schoenholz et al., §2 and §3, eq. 3 to 5.
    """
    checks.number("init.sigma_b", sigma_b, least=0)
    point = critical_point(activation, float(sigma_b))
    if point is None:
        raise ValueError(
            f"init.sigma_b={sigma_b:g}: {activation()} has no critical point there at which the variance stays; "
            f"ReLU and its kin have one at 0, swish and GELU at 1"
        )
    zero_biases(model)
    for weight in weights(model):
        std = (1.0 if weight.classifier else point.sigma_w) * weight.fan_in**-0.5
        weight.set(draw_like(weight.tensor, std, "normal", generator(weight.name)))
        if sigma_b == 0 or weight.classifier:
            continue
        name = weight.name.removesuffix("weight") + "bias"
        bias: Any = weight.layer.bias
        if not isinstance(bias, Tensor):
            raise ValueError(f"init.sigma_b={sigma_b:g} needs {name}, which is not there; use norm=none or sigma_b=0")
        with torch.no_grad():
            bias.copy_(draw_like(bias, point.sigma_b, "normal", generator(name)))
