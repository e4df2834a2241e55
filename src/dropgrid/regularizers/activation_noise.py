"""Noise on activations: Gaussian (Poole et al., 2014) or binary stochastic units (Bengio et al., 2013)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.masks.uniform import uniform
from dropgrid.sites import AbstractNoise, AbstractRandom, Site

KINDS = ("gaussian", "binary")


class GaussianNoise(AbstractNoise):
    """output = input + std · ε, ε ~ N(0, 1) independent for every unit. Shapes: (N, …) -> the same.

    Source: Poole, Sohl-Dickstein, Ganguli 2014, §2.
    """

    def forward(self, input: Tensor) -> Tensor:
        return self.add(input, self.next_key()) if self.active else input


class BinaryUnits(AbstractRandom):
    """output ~ Bernoulli(p), p the input clipped to [0, 1]; backward is that of p (straight-through estimator).

    In eval mode the unit is p, its mean. For sigmoid units, of which the value is a probability: choose
    activation=sigmoid. Shapes: (N, …) -> the same. Source: Bengio, Léonard, Courville 2013, §4.
    """

    counts = ""  # how many are 0 depends on the data: there is no closed form

    def __init__(self, *, inference: bool = False):
        super().__init__(1.0, inference=inference)

    def forward(self, input: Tensor) -> Tensor:
        if not self.active:
            return input
        units = (uniform(self.next_key(), input.shape) < input.detach()).to(input.dtype)
        self.count(units.numel() - units.sum(dtype=torch.float32).to(torch.int64), units.numel())
        return input + (units - input).detach()

    def expected(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        return np.full_like(level, np.nan)

    def variance(self, shape: Sequence[int], level: np.ndarray) -> np.ndarray:
        return np.full_like(level, np.nan)


def activation_noise(
    site: Site, *, kind: str, std: float, groups: Sequence[int] | None, schedule: str, inference: bool
) -> nn.Module:
    """Noise after the layers of the wanted groups, convolutions and hidden linear ones."""
    checks.one_of("regularizer.kind", kind, KINDS)
    gaussian = GaussianNoise(std, schedule=schedule, inference=inference)
    if site.place not in ("conv", "hidden") or not site.in_groups(groups):
        return nn.Identity()
    return gaussian if kind == "gaussian" else BinaryUnits(inference=inference)
