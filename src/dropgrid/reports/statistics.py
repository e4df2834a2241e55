"""A row's numbers over its seeds, and its difference to the baseline, paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit  # not scipy.stats, which takes a second to import

CONFIDENCE = 0.95
ABOVE, BELOW, NEITHER = "above baseline", "below baseline", "no difference shown"

ROUNDING = 1e-9
"""Spread, in the unit of the values, below which they are equal but for rounding."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Sample:
    """n values: their mean, sample standard deviation and the 95 % interval of the mean; None where n is too small."""

    n: int
    mean: float | None
    std: float | None
    ci95: Interval | None


@dataclass(frozen=True)
class Difference(Sample):
    """The same of paired differences, with the p-value of "their mean is 0"."""

    p_value: float | None


def describe(values: Sequence[float]) -> Sample:
    """Mean m, standard deviation and interval of the mean.

    m = Σ xᵢ / n; s = √(Σ (xᵢ - m)² / (n - 1)); interval m ± t(0.975; n - 1) · s / √n (Student 1908), which holds
    for independent, roughly normal values. n = 1 has no s and no interval, n = 0 has nothing.
    """
    n = len(values)
    if n == 0:
        return Sample(0, None, None, None)
    mean = math.fsum(values) / n
    if n == 1:
        return Sample(1, mean, None, None)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * std / math.sqrt(n)
    return Sample(n, mean, std, (mean - half, mean + half))


def paired(values: Mapping[int, float], baseline: Mapping[int, float]) -> Difference:
    """`describe` of the differences dₛ = valuesₛ - baselineₛ over the seeds s that both have, and the paired t-test.

    t = m / (s / √n); p = 2 · P(T ≤ -|t|), T with n - 1 degrees of freedom. Differences that are all equal have an
    interval of zero width and no p-value: t is not defined there.
    """
    sample = describe(differences(values, baseline))
    if sample.mean is None or sample.std is None:
        return Difference(sample.n, sample.mean, sample.std, None, None)
    if sample.std <= ROUNDING:
        return Difference(sample.n, sample.mean, 0.0, (sample.mean, sample.mean), None)
    t = sample.mean / (sample.std / math.sqrt(sample.n))
    return Difference(sample.n, sample.mean, sample.std, sample.ci95, 2 * float(stdtr(sample.n - 1, -abs(t))))


def differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """Value less the baseline's value, for each seed that both have, in the order of seeds."""
    return [values[seed] - baseline[seed] for seed in sorted(values.keys() & baseline.keys())]


def verdict(interval: Interval | None) -> str | None:
    """What an interval of the difference shows: all of it above 0, all of it below, or neither."""
    if interval is None:
        return None
    low, high = interval
    # a difference of 0 in every seed may come out as 1e-15
    return ABOVE if low > ROUNDING else BELOW if high < -ROUNDING else NEITHER
