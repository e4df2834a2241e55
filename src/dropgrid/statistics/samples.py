"""Statistics of a row over its seeds, and of its difference to the baseline, paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE, POWER = 0.95, 0.8
ABOVE, BELOW, EQUAL, OPEN = "above", "below", "equal", "open"
"""The four verdicts on a difference; `open` means undecided with these seeds, not "no difference"."""

ROUNDING = 1e-9
"""The spread, in the unit of the values, below which values are equal up to rounding."""

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
    """Return n, mean m, standard deviation and interval of the mean.

    m = Σ xᵢ / n; s = √(Σ (xᵢ - m)² / (n - 1)); interval m ± t(0.975; n - 1) · s / √n (Student 1908), which holds
    for independent, roughly normal values. For n = 1 there is no s and no interval, for n = 0 nothing.
    """
    n = len(values)
    if n == 0:
        return Sample(0, None, None, None)
    mean = math.fsum(values) / n
    if n == 1:
        return Sample(1, mean, None, None)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = student_limit(n - 1) * std / math.sqrt(n)
    return Sample(n, mean, std, (mean - half, mean + half))


def student_limit(freedom: float) -> float:
    """Return t(0.975; ν): the quantile of Student's distribution that bounds a 95 % interval."""
    from scipy.special import stdtrit  # here: it takes a fifth of a second to import (stats a whole), and status none

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def paired_difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> Difference:
    """Return `describe` of the differences dₛ = valuesₛ - baselineₛ over shared seeds s, and the paired t-test.

    t = m / (s / √n); p = 2 · P(T ≤ -|t|), T with n - 1 degrees of freedom. Differences that are all equal have an
    interval of zero width and no p-value: t is not defined there.
    """
    sample = describe(differences(values, baseline))
    if sample.mean is None or sample.std is None:
        return Difference(sample.n, sample.mean, sample.std, None, None)
    if sample.std <= ROUNDING:
        return Difference(sample.n, sample.mean, 0.0, (sample.mean, sample.mean), None)
    from scipy.special import stdtr  # as in `student_limit`

    t = sample.mean / (sample.std / math.sqrt(sample.n))
    return Difference(sample.n, sample.mean, sample.std, sample.ci95, 2 * float(stdtr(sample.n - 1, -abs(t))))


def geometric_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[float | None, Interval | None]:
    """Return the geometric mean of valuesₛ / baselineₛ over shared seeds s, and its interval.

    All values are above 0.
    """
    found = paired_difference(
        {s: math.log(n) for s, n in values.items()}, {s: math.log(n) for s, n in baseline.items()}
    )
    if found.mean is None:
        return None, None
    return math.exp(found.mean), found.ci95 and (math.exp(found.ci95[0]), math.exp(found.ci95[1]))


def welch_interval(values: Mapping[int, float], baseline: Mapping[int, float]) -> Interval | None:
    """Return the 95 % interval of the difference of means without pairing; None for fewer than 2 on either side.

    m₁ - m₂ ± t(0.975; ν) · √(s₁²/n₁ + s₂²/n₂), ν by Welch (1947). If rows do not vary together it has more degrees of
    freedom than the paired interval, and is narrower with few seeds.
    """
    if min(len(values), len(baseline)) < 2:
        return None
    mean, variance, freedom = difference_of_means(values, baseline)
    half = student_limit(freedom) * math.sqrt(variance) if variance > ROUNDING**2 else 0.0
    return mean - half, mean + half


def difference_of_means(values: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[float, float, float]:
    """Return the difference of two means over all seeds of either, its variance, and Welch's degrees of freedom.

    Each has 2 seeds or more.
    """
    one, two = (describe([found[seed] for seed in sorted(found)]) for found in (values, baseline))
    assert one.mean is not None and two.mean is not None and one.std is not None and two.std is not None
    first, second = ((std**2 / n, float(n - 1)) for std, n in ((one.std, one.n), (two.std, two.n)))
    return one.mean - two.mean, *sum_of_variances(first, second)


def sum_of_variances(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of two variances, each with its degrees of freedom, and those of the sum (Satterthwaite 1946)."""
    (one, own), (two, others) = first, second
    squares = one**2 / own + two**2 / others
    return one + two, (one + two) ** 2 / squares if squares > 0 else own


def unpaired_difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> Difference:
    """Return the difference of the means over all seeds of either side, with Welch's interval; n is the smaller's."""
    one, two = describe([*values.values()]), describe([*baseline.values()])
    n = min(one.n, two.n)
    if one.mean is None or two.mean is None:
        return Difference(n, None, None, None, None)
    return Difference(n, one.mean - two.mean, None, welch_interval(values, baseline), None)


def correlation(values: Mapping[int, float], baseline: Mapping[int, float]) -> float | None:
    """Return Pearson's r of two rows over shared seeds; None for fewer than 3, or if one never varies."""
    both = sorted(values.keys() & baseline.keys())
    if len(both) < 3:
        return None
    first, second = ([found[s] for s in both] for found in (values, baseline))
    means = [math.fsum(each) / len(each) for each in (first, second)]
    products = math.fsum((a - means[0]) * (b - means[1]) for a, b in zip(first, second, strict=True))
    sizes = [math.fsum((a - mean) ** 2 for a in each) for each, mean in zip((first, second), means, strict=True)]
    return products / math.sqrt(sizes[0] * sizes[1]) if min(sizes) > ROUNDING**2 else None


def clip_interval(interval: Interval, low: float, high: float) -> Interval:
    """Return an interval cut to the possible range of the estimate."""
    return max(low, min(interval[0], high)), min(high, max(interval[1], low))


def differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """Return value - baseline's value for each shared seed, in the order of seeds."""
    return [values[seed] - baseline[seed] for seed in sorted(values.keys() & baseline.keys())]


def difference_verdict(
    interval: Interval | None, inner: Interval | None = None, margin: float | None = None
) -> str | None:
    """Return the verdict on a difference; None without an interval.

    `above` or `below` if the whole interval is on that side of 0; else `equal` if `inner`, the interval of two
    one-sided tests (Schuirmann 1987), lies within ±margin, if there is a margin; else `open`.
    """
    if interval is None:
        return None
    low, high = interval
    # a difference of 0 in every seed may come out as 1e-15
    if low > ROUNDING:
        return ABOVE
    if high < -ROUNDING:
        return BELOW
    return EQUAL if margin is not None and inner is not None and -margin < inner[0] and inner[1] < margin else OPEN
