"""Intervals of a standard deviation, and of a ratio of two, that do not assume normal values."""

import math

import numpy as np
from scipy.special import ndtri

from dropgrid.statistics.samples import CONFIDENCE, Interval

FEWEST = 5
"""The fewest values for an interval: with fewer, a fourth moment is meaningless."""


def std_interval(values: np.ndarray) -> Interval | None:
    """Return an interval of the standard deviation s without assuming normality: exp(½ (ln(c s²) ± z · c · e)).

    c = n / (n - z), e² = (γ - (n - 3) / n) / (n - 1), γ = n Σ(y - m)⁴ / (Σ(y - ȳ)²)², m a trimmed mean; None for
    fewer than 5 values, or if they are all equal.

    Source: Bonett, "Approximate confidence interval for standard deviation of nonnormal distributions", Computational
    Statistics and Data Analysis 50 (2006), eq. 4.
    """
    n, squares = len(values), float(((values - values.mean()) ** 2).sum())
    if n < FEWEST or squares == 0:
        return None
    z = float(ndtri((1 + CONFIDENCE) / 2))
    c = n / (n - z)
    gamma = n * float(((values - trimmed_mean(values)) ** 4).sum()) / squares**2
    half = z * c * math.sqrt(max(gamma - (n - 3) / n, 0.0) / (n - 1))
    middle = math.log(c * squares / (n - 1))
    return math.exp((middle - half) / 2), math.exp((middle + half) / 2)


def std_ratio(own: np.ndarray, reference: np.ndarray) -> tuple[float | None, Interval | None]:
    """Return the ratio of two standard deviations r = s₁ / s₂, and its interval exp(½ (ln(c r²) ± z e)).

    c = (n₁ / (n₁ - z)) / (n₂ / (n₂ - z)), e² = Σⱼ (γ - (nⱼ - 3) / nⱼ) / (nⱼ - 1), with a γ of both samples together;
    for independent samples.

    Source: Bonett, "Robust confidence interval for a ratio of standard deviations", Applied Psychological Measurement
    30 (2006).
    """
    both = (own, reference)
    squares = [float(((each - each.mean()) ** 2).sum()) for each in both]
    if min(squares) == 0:
        return None, None
    counts = [len(each) for each in both]
    ratio = math.sqrt(squares[0] / (counts[0] - 1) / (squares[1] / (counts[1] - 1)))
    if min(counts) < FEWEST:
        return ratio, None
    z = float(ndtri((1 + CONFIDENCE) / 2))
    c = (counts[0] / (counts[0] - z)) / (counts[1] / (counts[1] - z))
    fourth = sum(float(((each - trimmed_mean(each)) ** 4).sum()) for each in both)
    gamma = sum(counts) * fourth / sum(squares) ** 2
    half = z * math.sqrt(sum(max(gamma - (n - 3) / n, 0.0) / (n - 1) for n in counts))
    middle = math.log(c * ratio**2)
    return ratio, (math.exp((middle - half) / 2), math.exp((middle + half) / 2))


def trimmed_mean(values: np.ndarray) -> float:
    """Return the mean without a share 1 / (2 √(n - 4)) at each end."""
    cut = int(len(values) / (2 * math.sqrt(len(values) - 4)))
    return float(np.sort(values)[cut : len(values) - cut].mean())
