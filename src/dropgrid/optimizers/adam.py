"""Adam (Kingma, Ba, ICLR 2015)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid.optimizers.groups import parameter_groups
from dropgrid.optimizers.values import pair, positive


def adam(
    model: nn.Module, *, lr: float, betas: Sequence[float], eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; w ← w - lr · m̂ / (√v̂ + eps), m̂ and v̂ corrected for their start at 0.

    weight_decay is added to the gradient, so it is not decoupled: see adamw. Source: Algorithm 1.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.Adam(groups, lr=positive("lr", lr), betas=pair("betas", betas), eps=positive("eps", eps))
