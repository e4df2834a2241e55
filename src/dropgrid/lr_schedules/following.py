"""Schedules that follow what validation shows."""

from collections.abc import Callable


def reads_validation(schedule: Callable[..., float]) -> bool:
    """Predicate: a schedule, bare or with bound arguments, takes the rows of the epochs validated so far."""
    return bool(getattr(getattr(schedule, "func", schedule), "reads_validation", False))
