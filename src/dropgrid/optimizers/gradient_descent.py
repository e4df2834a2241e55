"""Gradient descent on the whole training set (Bottou, Curtis, Nocedal, SIAM Review 2018, §3.2)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def gradient_descent(model: nn.Module, *, lr: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """w ← w - lr · (g + weight_decay · w), g the gradient on all training images: one step an epoch.

    A check requires that a step uses all images (`data.batch_size=all`, or several `trainer.accumulate_grad_batches` if
    they do not fit in memory); masks and augmentation are still drawn anew at each step.
    """
    return optim.SGD(parameter_groups(model, weight_decay, decay_all), lr=checks.number("optimizer.lr", lr, above=0))


gradient_descent.whole_set = True  # type: ignore[attr-defined]
