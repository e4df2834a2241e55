"""Schedules that follow what validation shows."""

from collections.abc import Callable


def reads_validation(schedule: Callable[..., float]) -> bool:
    """Whether a schedule, bare or with its arguments bound, takes the rows of the epochs validated so far too."""
    return bool(getattr(getattr(schedule, "func", schedule), "reads_validation", False))
