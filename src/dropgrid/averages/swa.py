"""Stochastic weight averaging (Izmailov et al., UAI 2018)."""

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import get_swa_multi_avg_fn

from dropgrid import checks


class Swa:
    """Plain mean of the weights at the end of every epoch, from a share of training on.

    The moving averages of the norms are measured again on the training set, with the averaged weights (Algorithm 1,
    last line). The learning rate should stay high while it averages: lr_schedule=constant, or step.

    Args:
        start: share of the steps after which averaging begins, in [0, 1).

    Source: §3.2.
    """

    reestimate = True

    def __init__(self, *, start: float):
        checks.number("average.start", start, least=0, below=1)
        self.start = start

    def due(self, step: int, steps: int, per_epoch: int) -> bool:
        """Return whether an epoch ends, or training."""
        return step > self.start * steps and (step % per_epoch == 0 or step == steps)

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None:
        """Update the mean: averaged + (current - averaged) / (count + 1)."""
        get_swa_multi_avg_fn()(list(averaged), list(current), count)
