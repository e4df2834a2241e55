"""Counts of seeds that trained or exceeded the baseline: exact intervals and Fisher's test."""

import math
from collections.abc import Mapping

from scipy.special import betaincinv

from dropgrid.statistics.samples import CONFIDENCE, ROUNDING, Interval

MOST = 1000
"""The most seeds that `seeds_that_decide` tries."""


def exact_interval(successes: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of a probability with `successes` in `n` trials, within [0, 1].

    Quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k); a half success (a tie) is interpolated by the same formula.
    Source: Clopper, Pearson, Biometrika 26, 1934.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"successes must be from 0 to n, n 1 or more; got {successes!r} of {n!r}")
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high


def fisher_test(successes: int, n: int, other_successes: int, other_n: int) -> float:
    """Return the two-sided p-value of Fisher's exact test that two probabilities are equal.

    The sum of the hypergeometric probabilities, given the margins, that are no larger than that of the observed table.
    Source: Fisher, Statistical Methods for Research Workers, 5th ed., 1934, §21.02.
    """
    total, drawn = n + other_n, successes + other_successes
    counts = range(max(0, drawn - other_n), min(n, drawn) + 1)
    ways = {k: math.comb(n, k) * math.comb(other_n, drawn - k) for k in counts}
    return sum(each for each in ways.values() if each <= ways[successes]) / math.comb(total, drawn)


def sidak_adjusted(p_value: float, family: int) -> float:
    """Return the p-value for one of `family` tests: 1 - (1 - p)^family. Source: Šidák, JASA 62, 1967."""
    return 1 - (1 - p_value) ** family


def seeds_that_decide(family: int, alpha: float = 1 - CONFIDENCE) -> int | None:
    """Return the fewest seeds per row with which all against none is significant; None beyond a thousand."""
    return next((n for n in range(2, MOST + 1) if sidak_adjusted(fisher_test(n, n, 0, n), family) <= alpha), None)


def share_above_baseline(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> tuple[float, Interval, int] | None:
    """Return the share of shared seeds at which a row is above its baseline, its interval, and their number.

    A tie counts one half. The share estimates P(row > baseline) for one seed of each, paired. None without a shared
    seed. Source: Bouthillier et al., Accounting for variance in machine learning benchmarks, MLSys 2021, §5.
    """
    seeds = values.keys() & baseline.keys()
    if not seeds:
        return None
    apart = [values[seed] - baseline[seed] for seed in seeds]
    wins = sum(1.0 if each > ROUNDING else 0.5 if each >= -ROUNDING else 0.0 for each in apart)
    return wins / len(seeds), exact_interval(wins, len(seeds)), len(seeds)
