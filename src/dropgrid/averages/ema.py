"""Exponential moving average of weights (Polyak, Juditsky, 1992; Tarvainen, Valpola, NeurIPS 2017)."""

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """averaged ← d · averaged + (1 - d) · current after every step, of weights and of the norms' moving averages.

    Args:
        decay: d, in [0, 1).
        warmup: d is at most (1 + t) / (10 + t) after t steps, so that a short run forgets where it began.

    Source: Tarvainen and Valpola §3; the warm-up is TensorFlow's ExponentialMovingAverage with num_updates.
    """

    reestimate = False

    def __init__(self, *, decay: float, warmup: bool):
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"average.decay must be in [0, 1), got {decay!r}")
        if not isinstance(warmup, bool):
            raise ValueError(f"average.warmup must be true or false, got {warmup!r}")
        self.decay, self.warmup = decay, warmup

    def due(self, step: int, steps: int, per_epoch: int) -> bool:
        """After every step."""
        return True

    def decay_after(self, count: int) -> float:
        """d of the average's update number `count`."""
        return min(self.decay, (1 + count) / (10 + count)) if self.warmup else self.decay

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None:
        """As above, by torch's own."""
        get_ema_multi_avg_fn(self.decay_after(count))(list(averaged), list(current), count)
