"""Tail probabilities of drop rates: how surprising a counted fraction is, if a layer drops at a rate."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import betainc, stdtr

ALARM = 1e-6
"""A statistical finding is reported if chance alone gives one as extreme with a lower probability than this."""


def binomial_tail(share: float, draws: float, rate: float) -> float:
    """Return the two-sided tail probability of a share dropped among independent draws at a rate.

    `draws` need not be whole: they are the n at which a fraction has the variance rate (1 - rate) / n.
    """
    if not 0 < rate < 1:
        return 1.0 if math.isclose(share, rate, abs_tol=ALARM) else 0.0
    count = share * draws
    below = betainc(draws - count, count + 1, 1 - rate) if count < draws else 1.0
    above = betainc(count, draws - count + 1, rate) if count > 0 else 1.0
    return min(1.0, 2 * float(min(below, above)))


def student_tail(values: Sequence[float], mean: float) -> float:
    """Return the two-sided tail probability, by Student's t, that independent values have the given mean."""
    if len(values) < 2:
        return 1.0
    center, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    if math.isclose(center, mean, rel_tol=1e-3, abs_tol=1e-6):
        return 1.0
    return 2 * float(stdtr(len(values) - 1, -abs(center - mean) / spread)) if spread else 0.0


def rate_tail(shares: Sequence[float], rate: float) -> float:
    """Return the tail probability of the shares that independent calls dropped, whatever depends within a call.

    The larger of two: Student's t over the calls, and a binomial with as many draws as give the calls' spread. The
    second holds if drops are so rare that the spread itself is uncertain.
    """
    found = float(np.mean(shares)) if shares else 0.0
    if len(shares) < 2 or not 0 < found < 1:
        return binomial_tail(found, len(shares), rate)
    correlated = min(1.0, float(np.var(shares, ddof=1)) / (found * (1 - found)))
    draws = len(shares) / correlated if correlated > 0 else math.inf
    if draws == math.inf:  # every call dropped the same share: nothing tells how it would vary
        return student_tail(shares, rate)
    return max(student_tail(shares, rate), binomial_tail(found, draws, rate))


def chance_of_no_drop(rate: float, draws: float) -> float:
    """Return the probability that independent draws at a rate drop nothing: (1 - rate)^draws."""
    return float((1 - rate) ** draws) if 0 <= rate < 1 else 0.0


def chance_of_equal(rate: float, size: int, draws: float) -> float:
    """Return the probability that `size` independent draws agree, in each of `draws` repetitions."""
    return float((rate**size + (1 - rate) ** size) ** draws)
