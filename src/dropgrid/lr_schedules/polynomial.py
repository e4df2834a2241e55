"""Polynomial decay (Chen et al., DeepLab, PAMI 2018)."""

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed


def polynomial(step: int, steps: int, *, power: float, final: float, warmup: float) -> float:
    """final + (1 - final)(1 - t)^power, t from 0 after the warm-up to 1 at the end of training; 1 is linear.

    Raises:
        ValueError: power not above 0, final outside [0, 1].

    Source: §4.1.2, "poly".
    """
    checks.number("lr_schedule.power", power, above=0)
    checks.number("lr_schedule.final", final, least=0, most=1)
    return warmed(step, steps, warmup, lambda s, n: final + (1 - final) * (1 - s / n) ** power)
