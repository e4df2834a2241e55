"""Cosine decay with warm restarts: SGDR (Loshchilov, Hutter, ICLR 2017)."""

import math

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed


def cosine_restarts(step: int, steps: int, *, periods: int, multiple: float, final: float, warmup: float) -> float:
    """final + (1 - final)(1 + cos(π t)) / 2, t from 0 to 1 within each period; each is `multiple` times the one before.

    Of what the warm-up leaves the first period, the paper's T₀, is the share (T - 1) / (Tᵖ - 1), T = `multiple` being
    its T_mult and p = `periods`: the last one ends with training. Bounds are rounded to steps.

    Raises:
        ValueError: periods below 1, multiple below 1, final outside [0, 1].

    Source: eq. 5.
    """
    checks.whole_number("lr_schedule.periods", periods, 1)
    checks.number("lr_schedule.multiple", multiple, least=1)
    checks.number("lr_schedule.final", final, least=0, most=1)

    def schedule(step: int, steps: int) -> float:
        lengths = [multiple**period for period in range(periods)]
        bounds = [round(steps * sum(lengths[:count]) / sum(lengths)) for count in range(periods + 1)]
        start = max(bound for bound in bounds if bound <= step)
        end = min(bound for bound in bounds if bound > step)
        return final + (1 - final) * (1 + math.cos(math.pi * (step - start) / (end - start))) / 2

    return warmed(step, steps, warmup, schedule)
