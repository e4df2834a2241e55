"""Nesterov's accelerated gradient (Nesterov, 1983; Sutskever et al., ICML 2013)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def nesterov(model: nn.Module, *, lr: float, momentum: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """v ← momentum · v + g; w ← w - lr · (g + momentum · v), with g + weight_decay · w for g.

    Differs from the paper: the gradient is taken at the weights, not at the look-ahead point; the step is rewritten
    so that the two agree at a constant lr. Momentum must be above 0.
    """
    checks.number("optimizer.momentum", momentum, least=0, below=1)
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.SGD(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        momentum=checks.number("optimizer.momentum", momentum, above=0),
        nesterov=True,
    )
