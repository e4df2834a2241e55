"""One cycle (Smith, Topin, "Super-convergence", 2018)."""

import math
from collections.abc import Callable

from dropgrid import checks
from dropgrid.lr_schedules.warmup import warmed

ANNEALS: dict[str, Callable[[float, float, float], float]] = {
    "linear": lambda low, high, t: low + (high - low) * t,
    "cosine": lambda low, high, t: high + (low - high) * (1 + math.cos(math.pi * t)) / 2,
}
"""(from, to, share of the way) -> value."""


def one_cycle(step: int, steps: int, *, peak: float, start: float, final: float, anneal: str, warmup: float) -> float:
    """From `start` up to 1 over the share `peak` of what the warm-up leaves, then down to `final` at the last step.

    The optimizer's own rate is the highest; along a line, or half a cosine.

    Raises:
        ValueError: peak outside (0, 1), start outside (0, 1], final outside [0, 1], another anneal.

    Differs from the paper: it falls for as long as it has risen, back to its start, and in a short third phase from
    there to its end; this goes down in one, as torch's and fast.ai's do. The optimizer's momentum stays as it is, the
    paper's falls while the rate rises.
    """
    checks.number("lr_schedule.peak", peak, above=0, below=1)
    checks.number("lr_schedule.start", start, above=0, most=1)
    checks.number("lr_schedule.final", final, least=0, most=1)
    checks.one_of("lr_schedule.anneal", anneal, ANNEALS)
    along = ANNEALS[anneal]

    def schedule(step: int, steps: int) -> float:
        turn = peak * steps - 1  # torch's: the peak is the last step of that share
        if step < turn:
            return along(start, 1.0, step / turn)
        top = max(turn, 0.0)
        return along(1.0, final, (step - top) / (steps - 1 - top)) if steps > 1 + top else 1.0

    return warmed(step, steps, warmup, schedule, start)
