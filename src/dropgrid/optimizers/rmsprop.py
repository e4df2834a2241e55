"""RMSprop (Tieleman, Hinton, 2012)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def rmsprop(
    model: nn.Module, *, lr: float, alpha: float, eps: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """s ← αs + (1-α)g²; w ← w - lr · g / (√s + eps), s from 0, with g + weight_decay · w for g.

    s is not corrected for its start at 0: the first step is about lr / √(1-α) long in each coordinate.

    Raises:
        ValueError: lr or eps not above 0, alpha outside [0, 1).

    Source: Coursera, Neural Networks for Machine Learning, lecture 6e. Differs from the paper: torch's own defaults
    are lr 0.01 and α 0.99 for the lecture's 0.001 and 0.9, which ours are; the lecture has no eps. torch's momentum
    and centred form are off.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.RMSprop(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        alpha=checks.number("optimizer.alpha", alpha, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
    )
