"""Adagrad (Duchi, Hazan, Singer, JMLR 2011)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def adagrad(model: nn.Module, *, lr: float, eps: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """s ← s + g²; w ← w - lr · g / (√s + eps), s from 0, with g + weight_decay · w for g.

    A coordinate's rate falls with its own gradients: one whose feature is rare keeps a high rate.

    Raises:
        ValueError: lr or eps not above 0.

    Source: §1.1, the diagonal form; eps is δ of Figure 1. Differs from the paper: it is the step of composite mirror
    descent without a regularizer or a constraint; primal-dual subgradients, the paper's other form, start each step
    at 0. torch's lr_decay is off.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.Adagrad(
        groups, lr=checks.number("optimizer.lr", lr, above=0), eps=checks.number("optimizer.eps", eps, above=0)
    )
