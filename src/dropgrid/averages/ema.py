"""Exponential moving average of weights (Polyak, Juditsky, 1992; Tarvainen, Valpola, NeurIPS 2017)."""

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dropgrid import checks


class Ema:
    """averaged ← d · averaged + (1 - d) · current after every step, of weights and of the norms' moving averages.

    Args:
        decay: d, in [0, 1).
        warmup: limit d to (1 + t) / (10 + t) after t steps, so that a short run forgets the initial weights.

    Source: Tarvainen and Valpola §3; the warm-up is TensorFlow's ExponentialMovingAverage with num_updates.
    """

    reestimate = False

    def __init__(self, *, decay: float, warmup: bool):
        checks.number("average.decay", decay, least=0, below=1)
        checks.boolean("average.warmup", warmup)
        self.decay, self.warmup = decay, warmup

    def due(self, step: int, steps: int, per_epoch: int) -> bool:
        """Return True: update after every step."""
        return True

    def decay_after(self, count: int) -> float:
        """Return d of the average's update number `count`."""
        return min(self.decay, (1 + count) / (10 + count)) if self.warmup else self.decay

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None:
        """Update the average by the formula above."""
        get_ema_multi_avg_fn(self.decay_after(count))(list(averaged), list(current), count)
