"""Nadam (Dozat, ICLR workshop 2016)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def nadam(
    model: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    eps: float,
    momentum_decay: float,
    weight_decay: float,
    decay_all: bool,
) -> optim.Optimizer:
    """Adam whose step looks ahead, m̄ in the place of m̂: w ← w - lr · m̄ / (√v̂ + eps), m, v and v̂ as Adam's.

    μₜ = β₁(1 - 0.5 · 0.96^(momentum_decay · t)), Πₜ = μ₁ ⋯ μₜ, m̄ = μₜ₊₁ m / (1 - Πₜ₊₁) + (1 - μₜ) g / (1 - Πₜ), t from
    1; with g + weight_decay · w for g.

    Raises:
        ValueError: lr or eps not above 0, betas not two numbers in [0, 1), momentum_decay below 0.

    Source: Algorithm 2 and §3's schedule of μ, momentum_decay = 1/250. Differs from the paper: torch's m averages with
    β₁ throughout, the paper's with μₜ; torch rounds Πₜ to single precision.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.NAdam(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
        momentum_decay=checks.number("optimizer.momentum_decay", momentum_decay, least=0),
    )
