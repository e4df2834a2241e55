"""Linear warm-up, before any schedule (Goyal et al., 2017, §2.2)."""

from collections.abc import Callable

from dropgrid import checks


def warmed(step: int, steps: int, warmup: float, schedule: Callable[[int, int], float], first: float = 1.0) -> float:
    """first · (step + 1) / warm over the first warm = round(warmup · steps) steps; then the schedule, on what is left.

    `first` is the factor that the schedule starts at. At least one step is left to the schedule.

    Raises:
        ValueError: warmup outside [0, 1).
    """
    checks.number("lr_schedule.warmup", warmup, least=0, below=1, what="a share of training")
    warm = min(round(warmup * steps), steps - 1)
    if step < warm:
        return first * (step + 1) / warm
    return schedule(step - warm, steps - warm)
