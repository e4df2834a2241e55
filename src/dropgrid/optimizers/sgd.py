"""Stochastic gradient descent (Robbins, Monro, 1951)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def sgd(model: nn.Module, *, lr: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """w ← w - lr · (g + weight_decay · w), g the gradient on a mini-batch."""
    return optim.SGD(parameter_groups(model, weight_decay, decay_all), lr=checks.number("optimizer.lr", lr, above=0))
