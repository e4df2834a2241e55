"""RAdam (Liu et al., ICLR 2020)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def radam(
    model: nn.Module, *, lr: float, betas: Sequence[float], eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """Adam without warm-up: w ← w - lr · r m̂ / (√v̂ + eps) once ρ > 5, else w ← w - lr · m̂; decay decoupled.

    ρ∞ = 2 / (1 - β₂) - 1, ρ = ρ∞ - 2 t β₂^t / (1 - β₂^t), r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)): while few
    gradients were seen, v̂ varies too much to be divided by. Beside it w ← w - lr · weight_decay · w.

    Raises:
        ValueError: lr or eps not above 0, betas not two numbers in [0, 1).

    Source: Algorithm 2. Differs from the paper: torch adds eps to √v before its correction, and takes ρ > 5 for 4.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.RAdam(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
        decoupled_weight_decay=True,
    )
