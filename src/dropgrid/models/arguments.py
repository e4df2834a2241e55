"""What every model refuses."""

import math
from collections.abc import Collection, Sequence


def one_of(name: str, value: object, allowed: Collection[str]) -> None:
    """Refuse what is not one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"model.{name} must be {' or '.join(allowed)}, got {value!r}")


def whole(name: str, value: object) -> None:
    """Refuse what is not a whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"model.{name} must be a whole number, 1 or more, got {value!r}")


def whole_list(name: str, values: object) -> None:
    """Refuse what is not a list of whole numbers, 1 or more, one for each group or layer."""
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ValueError(f"model.{name} must list whole numbers, got {values!r}")
    for value in values:
        whole(name, value)


def number(name: str, value: object) -> None:
    """Refuse what is not a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"model.{name} must be a number above 0, got {value!r}")
