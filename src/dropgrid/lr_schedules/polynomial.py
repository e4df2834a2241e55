"""Polynomial decay (Chen et al., DeepLab, PAMI 2018)."""

from dropgrid.lr_schedules.values import number, share
from dropgrid.lr_schedules.warmup import warmed


def polynomial(step: int, steps: int, *, power: float, final: float, warmup: float) -> float:
    """final + (1 - final)(1 - t)^power, t from 0 after the warm-up to 1 at the end of training; 1 is linear.

    Raises:
        ValueError: power not above 0, final outside [0, 1].

    Source: §4.1.2, "poly".
    """
    if not number(power) or power <= 0:
        raise ValueError(f"lr_schedule.power must be a number above 0, got {power!r}")
    share("final", final)
    return warmed(step, steps, warmup, lambda s, n: final + (1 - final) * (1 - s / n) ** power)
