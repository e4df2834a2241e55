"""Step decay at equal distances."""

import math

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed


def step_every(step: int, steps: int, *, every: float, gamma: float, warmup: float) -> float:
    """gamma^k, k the whole multiples of `every` passed, a share of the whole training, warm-up included.

    Raises:
        ValueError: every or gamma outside (0, 1].
    """
    checks.number("lr_schedule.every", every, above=0, most=1)
    checks.number("lr_schedule.gamma", gamma, above=0, most=1)
    passed = math.floor((step + 0.5) / (every * steps))  # half a step: multiples are rounded, as milestones are
    return warmed(step, steps, warmup, lambda *_: gamma**passed)
