"""The width of the range of a setting within which a curve stays above a level."""

from collections.abc import Sequence


def plateau_width(xs: Sequence[float], ys: Sequence[float], threshold: float) -> float:
    """Return the total length of {x : y(x) ≥ threshold}, y piecewise linear through the points, xs ascending."""
    total = 0.0
    for left, right, first, second in zip(xs, xs[1:], ys, ys[1:], strict=False):
        low, high = sorted((first - threshold, second - threshold))
        share = 1.0 if low >= 0 else 0.0 if high < 0 else high / (high - low)
        total += share * (right - left)
    return total
