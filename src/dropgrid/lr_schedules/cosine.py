"""Cosine decay (Loshchilov, Hutter, ICLR 2017)."""

import math

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed


def cosine(step: int, steps: int, *, final: float, warmup: float) -> float:
    """final + (1 - final)(1 + cos(π t)) / 2, t from 0 after the warm-up to 1 at the end of training.

    Source: eq. 5, without restarts.

    Raises:
        ValueError: final outside [0, 1].
    """
    checks.number("lr_schedule.final", final, least=0, most=1)
    return warmed(step, steps, warmup, lambda s, n: final + (1 - final) * (1 + math.cos(math.pi * s / n)) / 2)
