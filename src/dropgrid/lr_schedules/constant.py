"""A constant learning rate."""

from dropgrid.lr_schedules.warmup import warmed


def constant(step: int, steps: int, *, warmup: float) -> float:
    """1, after a warm-up over that share of training."""
    return warmed(step, steps, warmup, lambda step, steps: 1.0)
