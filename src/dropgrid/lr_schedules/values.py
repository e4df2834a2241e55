"""The values that no schedule can mean."""

from typing import Any


def number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def share(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is in [0, 1]."""
    if not number(value) or not 0 <= value <= 1:
        raise ValueError(f"lr_schedule.{name} must be in [0, 1], got {value!r}")
    return value


def some(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is in (0, 1]."""
    if not number(value) or not 0 < value <= 1:
        raise ValueError(f"lr_schedule.{name} must be in (0, 1], got {value!r}")
    return value


def within(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is in (0, 1)."""
    if not number(value) or not 0 < value < 1:
        raise ValueError(f"lr_schedule.{name} must be in (0, 1), got {value!r}")
    return value


def whole(name: str, value: Any, least: int) -> Any:
    """The value, or ValueError unless it is a whole number of at least so much."""
    if not number(value) or not isinstance(value, int) or value < least:
        raise ValueError(f"lr_schedule.{name} must be a whole number, {least} or more, got {value!r}")
    return value
