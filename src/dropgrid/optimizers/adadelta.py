"""Adadelta (Zeiler, 2012)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def adadelta(
    model: nn.Module, *, lr: float, rho: float, eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """s ← ρs + (1-ρ)g²; Δ = g √(d + eps) / √(s + eps); d ← ρd + (1-ρ)Δ²; w ← w - lr · Δ, s and d from 0.

    Steps have the unit of the weights, and begin at about √(eps / (1-ρ)), whatever the gradient is. With
    g + weight_decay · w for g.

    Raises:
        ValueError: lr or eps not above 0, rho outside [0, 1).

    Source: Algorithm 1. Differs from the paper: it has no lr; torch multiplies the step by one, 1 by default, outside
    of d, so that a schedule acts on the step alone.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.Adadelta(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        rho=checks.number("optimizer.rho", rho, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
    )
