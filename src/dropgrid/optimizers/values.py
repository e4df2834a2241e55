"""The values that no optimizer can mean."""

from collections.abc import Sequence
from typing import Any


def number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def positive(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is a finite number above 0."""
    if not number(value) or value <= 0:
        raise ValueError(f"optimizer.{name} must be a number above 0, got {value!r}")
    return value


def non_negative(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is a finite number, 0 or more."""
    if not number(value) or value < 0:
        raise ValueError(f"optimizer.{name} must be a number, 0 or more, got {value!r}")
    return value


def share(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is in [0, 1)."""
    if not number(value) or not 0 <= value < 1:
        raise ValueError(f"optimizer.{name} must be in [0, 1), got {value!r}")
    return value


def pair(name: str, value: Any) -> tuple[float, float]:
    """The two values, or ValueError unless there are two, each in [0, 1)."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ValueError(f"optimizer.{name} must list two numbers in [0, 1), got {value!r}")
    return share(name, value[0]), share(name, value[1])
