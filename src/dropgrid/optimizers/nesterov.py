"""Nesterov's accelerated gradient (Nesterov, 1983; Sutskever et al., ICML 2013)."""

from torch import nn, optim

from dropgrid.optimizers.groups import parameter_groups
from dropgrid.optimizers.values import positive, share


def nesterov(model: nn.Module, *, lr: float, momentum: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """v ← momentum · v + g; w ← w - lr · (g + momentum · v), with g + weight_decay · w for g.

    Differs from the paper: the gradient is taken at the weights, not at the look-ahead point; the step is rewritten
    so that the two agree at a constant lr. Momentum must be above 0.
    """
    share("momentum", momentum)
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.SGD(groups, lr=positive("lr", lr), momentum=positive("momentum", momentum), nesterov=True)
