"""How wide the range of a setting is within which a curve stays near its maximum."""

from collections.abc import Sequence


def plateau_width(xs: Sequence[float], ys: Sequence[float], within: float) -> float:
    """Total length of {x : y(x) ≥ max y - within}, y the straight lines through the points, xs ascending."""
    threshold = max(ys) - within
    total = 0.0
    for left, right, first, second in zip(xs, xs[1:], ys, ys[1:], strict=False):
        low, high = sorted((first - threshold, second - threshold))
        share = 1.0 if low >= 0 else 0.0 if high < 0 else high / (high - low)
        total += share * (right - left)
    return total
