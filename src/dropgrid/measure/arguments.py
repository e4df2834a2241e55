"""What diagnostics refuse of their arguments, and what they leave out of their answers."""

import math
from collections.abc import Mapping

from dropgrid.measure.subject import Measure


def whole(key: str, value: object, least: int = 1) -> int:
    """ValueError unless it is a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key} must be a whole number, {least} or more, got {value!r}")
    return value


def number(key: str, value: object, low: float, high: float = math.inf) -> float:
    """ValueError unless it is a number strictly between the two."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        allowed = f"above {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ValueError(f"{key} must be a number {allowed}, got {value!r}")
    return float(value)


def finite(measures: Mapping[str, Measure]) -> dict[str, Measure]:
    """Those whose value is a number: one that overflowed, or divides by 0, is not told."""
    return {key: each for key, each in measures.items() if math.isfinite(each.value)}
