"""Simultaneous intervals of differences between rows, mainly of every row's to the baseline.

One rule, fixed before any data: every row has its own spread, and the level is shared by Šidák's inequality. Simulated
level and power are in docs/trust.md.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import nctdtr, stdtrit

from dropgrid.statistics.samples import (
    CONFIDENCE,
    POWER,
    ROUNDING,
    Interval,
    difference_of_means,
    sum_of_variances,
)

BLOCKS = 4
"""The fewest rows for which each row's own spread can be estimated, with seeds as blocks."""

KNOWN = 6
"""Seeds up to which nothing is taken off a spread for the rows that it is measured against, if they weigh alike."""

UNEVEN = 0.5
"""The least share of what is taken off a spread, in a table of four rows, for rows that do not weigh alike."""

LEAST_SHARE = 1e-3
"""The share of the seeds in a variance below which it adds no more degrees of freedom."""

Values = Mapping[str, Mapping[int, float]]
"""row -> seed -> value."""

Pair = tuple[str, str]
"""A row, and the row with which it is compared."""


@dataclass(frozen=True)
class Comparison:
    """A row's difference to another, as one of a family of `family` simultaneous comparisons.

    `mean` ± `critical` · `error` is `ci95`; `error` the standard error with `freedom` degrees of freedom, of which
    `examples` is the part that comes from the choice of test images (None if that is unknown). `inner` is the interval
    of two one-sided tests at the same level: both show a difference within ±margin if it lies there. `detectable` is
    the difference that this design shows with 80 % power, `n` the seeds that both rows have.
    """

    mean: float
    error: float
    freedom: float
    critical: float
    ci95: Interval
    inner: Interval
    examples: float | None
    detectable: float
    family: int
    n: int


def compare_pairs(
    values: Values,
    pairs: Sequence[Pair],
    images: Sequence[float] | None = None,
    alpha: float | Callable[[int], float] = 1 - CONFIDENCE,
    family: int | None = None,
    unpaired: Collection[Pair] = (),
) -> list[Comparison | None]:
    """Return the comparison of each pair of rows; None for a pair with fewer than 2 seeds in common.

    d = mean over the n seeds that both rows have of value(one) - value(other). With four rows or more seeds are blocks,
    value(row, seed) = μ(row) + β(seed) + ε, ε of the row's own variance σ² (`own_spreads`): d has the variance
    (s² + s'²) / n, with degrees of freedom by Satterthwaite (1946). With two or three rows this is the paired t-test.
    The choice of test images adds the variance in `images`. The interval is d ± t · error, t Student's quantile at
    (1 - alpha)^(1 / family): by Šidák (1967) all intervals hold at once, whatever the correlation of the differences. A
    row's spread enters only its own interval, the baseline's enters all. Unpaired, d is the difference of the means
    over all seeds of either row, of variance s²/n + s'²/n' and with Welch's degrees of freedom (1947).

    Args:
        values: row -> seed -> value, of all rows, which show how rows vary together.
        pairs: (one, other), names of rows.
        images: the variance of each difference over test images, in points²; None if unknown.
        alpha: the level that all intervals of the family share; a function of n if seeds are added in steps.
        family: the number of comparisons that share the level; None is the number of pairs.
        unpaired: pairs whose seeds mean nothing to each other.
    """
    family = len(pairs) if family is None else family
    spreads = own_spreads(values) if len(values) >= BLOCKS else {}
    found: list[Comparison | None] = []
    for index, (one, other) in enumerate(pairs):
        apart = (one, other) in unpaired
        seeds = sorted(values[one].keys() & values[other].keys())
        n = min(len(values[one]), len(values[other])) if apart else len(seeds)
        if n < 2:
            found.append(None)
            continue
        if apart:
            mean, variance, freedom = difference_of_means(values[one], values[other])
        else:
            differences = np.array([values[one][seed] - values[other][seed] for seed in seeds])
            mean, variance, freedom = float(differences.mean()), float(differences.var(ddof=1)) / n, float(n - 1)
            if one in spreads and other in spreads:
                variance, freedom = sum_of_variances(spreads[one], spreads[other])
                variance /= n
        extra = None if images is None else images[index]
        level = (1 - (alpha(n) if callable(alpha) else alpha)) ** (1 / max(family, 1))
        found.append(make_comparison(mean, variance, freedom, extra, level, family, n))
    return found


def make_comparison(
    mean: float, seeds: float, freedom: float, images: float | None, level: float, family: int, n: int
) -> Comparison:
    """Return the comparison of a mean difference with its variances over seeds and over test images."""
    variance = seeds + (images or 0.0)
    error = math.sqrt(variance) if variance > ROUNDING**2 else 0.0
    share = share_of_seeds(seeds, images or 0.0)
    # with this many test images only the seeds' degrees of freedom count
    free = freedom / max(share, LEAST_SHARE) ** 2
    # test images add degrees of freedom, but never make an interval narrower than the seeds' alone
    alone = math.sqrt(seeds) / error if error else 1.0
    limit, inner = (
        max(student_quantile(p, free), alone * student_quantile(p, freedom)) for p in ((1 + level) / 2, level)
    )
    return Comparison(
        mean=mean,
        error=error,
        freedom=free,
        critical=limit,
        ci95=(mean - limit * error, mean + limit * error),
        inner=(mean - inner * error, mean + inner * error),
        examples=None if images is None else math.sqrt(variance * max(0.0, 1 - share)),
        detectable=error * detectable_shift(round(limit, 3), round(free, 2)),
        family=family,
        n=n,
    )


def share_of_seeds(seeds: float, images: float) -> float:
    """Return the share of the seeds in a variance over seeds and test images; 1 if there is none."""
    return seeds / (seeds + images) if seeds + images > ROUNDING**2 else 1.0


def own_spreads(values: Values) -> dict[str, tuple[float, float]]:
    """Return each row's variance from seed to seed beyond what all rows share, and its degrees of freedom.

    For row r, eₛ = the weighted mean over the other rows j of value(r, s) - value(j, s), each centred over the seeds
    that both have. Weights are 1 / uⱼ, uⱼ the median over rows k of the variance of the differences of j and k, so that
    a row that varies much does not blur the others. s² = Σ (eₛ - ē)² / (m - 1) over the m seeds of r, too large by
    what the others add, a factor 1 + q with q the sum of squared weights, if all vary alike (`excess_taken_off`). Rows
    with fewer than 2 such seeds have no spread.
    """
    rows = list(values)
    seeds = sorted({seed for by_seed in values.values() for seed in by_seed})
    table = np.full((len(rows), len(seeds)), np.nan)
    for index, row in enumerate(rows):
        for seed, value in values[row].items():
            table[index, seeds.index(seed)] = value
    apart = table[:, None] - table[None]  # row, other row, seed
    there = np.isfinite(apart)
    counts = there.sum(2)
    apart = np.where(there, apart, 0.0)
    apart -= np.where(there, (apart.sum(2) / np.maximum(counts, 1))[:, :, None], 0.0)
    others = ~np.eye(len(rows), dtype=bool)
    usable = others & (counts >= 2)
    variances = np.where(usable, (apart**2).sum(2) / np.maximum(counts - 1, 1), np.nan)
    usual = np.array([np.median(each[np.isfinite(each)]) if np.isfinite(each).any() else np.inf for each in variances])
    weights = 1 / np.maximum(usual, ROUNDING**2)
    found = {}
    for index, row in enumerate(rows):
        weight = weights[:, None] * (there[index] & usable[index][:, None])
        total = weight.sum(0)
        at = total > 0
        m = int(at.sum())
        if m < 2:
            continue
        deviation = (weight * apart[index]).sum(0)[at] / total[at]
        squares = float(((weight[:, at] / total[at]) ** 2).sum(0).mean())
        variance = float(deviation.var(ddof=1)) / excess_taken_off(squares, m, len(rows))
        found[row] = (variance, float(m - 1))
    return found


def excess_taken_off(squares: float, seeds: int, rows: int) -> float:
    """Return the factor by which a spread is divided for the rows that it is measured against.

    1 + q · k, k = max(0, 1 - 6 / m), q their sum of squared weights: with few seeds m it is less than they add, because
    the weights and spreads are uncertain too. In a table of four rows an erratic one leaves two to measure against, of
    q = 1/2 instead of q₀ = 1/3: there it is 1 + q₀ · k + (q - q₀) · max(k, 1/2), so that it costs others little power.
    """
    known = max(0.0, 1 - KNOWN / seeds)
    more = max(known, UNEVEN) - known if rows == BLOCKS else 0.0
    return 1 + squares * known + (squares - 1 / (rows - 1)) * more


def student_quantile(probability: float, freedom: float) -> float:
    """Return Student's quantile."""
    return float(stdtrit(freedom, probability))


@lru_cache(maxsize=4096)
def detectable_shift(limit: float, freedom: float, power: float = POWER) -> float:
    """Return the shift, in standard errors, with which noncentral t exceeds a limit with some probability."""
    low, high = 0.0, limit + 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - float(nctdtr(freedom, middle, limit)) < power else (low, middle)
    return high


def images_variance(*groups: Mapping[int, np.ndarray]) -> float:
    """Return what the choice of test images adds to the variance of a mean difference, in points²; at least 0.

    Over n seeds and E images, dₛₑ: the variance over e of the means over s, / E, less the part of single cells, the
    residuals dₛₑ - dₛ. - d.ₑ + d.. squared, / (n E), which the spread over seeds holds already. The means of several
    groups, whose seeds mean nothing to each other, are added, and the part of each is taken off.

    Args:
        groups: seed -> (E,) difference, or another combination, of whether rows classified each image correctly.
    """
    total, cells = np.zeros(()), 0.0
    for group in groups:
        apart = np.stack(list(group.values())).astype(float) * 100
        n, images = apart.shape
        if images < 2:
            return 0.0
        means: np.ndarray = apart.mean(0)
        total = total + means
        if n > 1:
            residual = apart - means - apart.mean(1, keepdims=True) + apart.mean()
            cells += float((residual**2).sum()) / ((n - 1) * (images - 1)) / n / images
    return max(0.0, float(total.var(ddof=1)) / total.size - cells)
