"""A row's numbers over its seeds, and its difference to the baseline, paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
ABOVE, BELOW, NEITHER = "above baseline", "below baseline", "no difference shown"

ROUNDING = 1e-9
"""Spread, in the unit of the values, below which they are equal but for rounding."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Sample:
    """n values: their mean, sample standard deviation and the 95 % interval of the mean; None if n is too small."""

    n: int
    mean: float | None
    std: float | None
    ci95: Interval | None


@dataclass(frozen=True)
class Difference(Sample):
    """A sample of paired differences, with the p-value of "their mean is 0"."""

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
    half = limit(n - 1) * std / math.sqrt(n)
    return Sample(n, mean, std, (mean - half, mean + half))


def limit(freedom: float) -> float:
    """t(0.975; ν): the quantile of Student's distribution that bounds an interval of 95 %."""
    from scipy.special import stdtrit  # here: it takes a fifth of a second to import (stats a whole), and status none

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


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
    from scipy.special import stdtr  # as in `limit`

    t = sample.mean / (sample.std / math.sqrt(sample.n))
    return Difference(sample.n, sample.mean, sample.std, sample.ci95, 2 * float(stdtr(sample.n - 1, -abs(t))))


def paired_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[float | None, Interval | None]:
    """exp of the mean over shared seeds of ln(valuesₛ / baselineₛ), a geometric mean, and of Student's interval of it.

    All values are above 0.
    """
    found = paired({s: math.log(n) for s, n in values.items()}, {s: math.log(n) for s, n in baseline.items()})
    if found.mean is None:
        return None, None
    return math.exp(found.mean), found.ci95 and (math.exp(found.ci95[0]), math.exp(found.ci95[1]))


def welch(values: Mapping[int, float], baseline: Mapping[int, float]) -> Interval | None:
    """The 95 % interval of the difference of means as if seeds were not shared; None for fewer than 2 on either side.

    m₁ - m₂ ± t(0.975; ν) · √(s₁²/n₁ + s₂²/n₂), ν by Welch (1947). Where rows do not vary together it has more degrees
    of freedom than the paired interval, and at few seeds is the narrower.
    """
    one, two = describe([values[s] for s in sorted(values)]), describe([baseline[s] for s in sorted(baseline)])
    if one.mean is None or two.mean is None or one.std is None or two.std is None:
        return None
    parts = [one.std**2 / one.n, two.std**2 / two.n]
    variance = math.fsum(parts)
    if variance <= ROUNDING**2:
        return one.mean - two.mean, one.mean - two.mean
    freedom = variance**2 / (parts[0] ** 2 / (one.n - 1) + parts[1] ** 2 / (two.n - 1))
    half = limit(freedom) * math.sqrt(variance)
    return one.mean - two.mean - half, one.mean - two.mean + half


def correlation(values: Mapping[int, float], baseline: Mapping[int, float]) -> float | None:
    """Pearson's r of two rows over the seeds that both have; None for fewer than 3, or if one never varies."""
    both = sorted(values.keys() & baseline.keys())
    if len(both) < 3:
        return None
    first, second = ([found[s] for s in both] for found in (values, baseline))
    means = [math.fsum(each) / len(each) for each in (first, second)]
    products = math.fsum((a - means[0]) * (b - means[1]) for a, b in zip(first, second, strict=True))
    sizes = [math.fsum((a - mean) ** 2 for a in each) for each, mean in zip((first, second), means, strict=True)]
    return products / math.sqrt(sizes[0] * sizes[1]) if min(sizes) > ROUNDING**2 else None


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
