"""AdaMax (Kingma, Ba, ICLR 2015)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def adamax(
    model: nn.Module, *, lr: float, betas: Sequence[float], eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """m ← β₁m + (1-β₁)g; u ← max(β₂u, |g| + eps); w ← w - lr / (1-β₁ᵗ) · m / u: Adam with the maximum norm.

    m and u from 0, t from 1; with g + weight_decay · w for g.

    Raises:
        ValueError: lr or eps not above 0, betas not two numbers in [0, 1).

    Source: §7.1, Algorithm 2. Differs from the paper: it has no eps; if a gradient has always been 0 its step is
    0/0, torch's 0.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.Adamax(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
    )
