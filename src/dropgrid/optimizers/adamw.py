"""AdamW (Loshchilov, Hutter, ICLR 2019)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def adamw(
    model: nn.Module, *, lr: float, betas: Sequence[float], eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """Adam's step, and beside it w ← w - lr · weight_decay · w: the decay is decoupled from the gradient.

    Differs from the paper: torch multiplies the decay by lr, the paper (Algorithm 2) by the schedule alone.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.AdamW(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
    )
