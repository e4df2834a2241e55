"""Exact intervals and Fisher's test against SciPy's; probability of outperforming against counting."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.proportions import (
    exact_interval,
    fisher_test,
    seeds_that_decide,
    share_above_baseline,
    sidak_adjusted,
)


@pytest.mark.parametrize("n", [1, 3, 5, 12, 200])
def test_intervals_are_scipys_exact_ones(n):
    for k in {0, 1, n // 2, n}:
        wanted = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        assert exact_interval(k, n) == pytest.approx((wanted.low, wanted.high))


def test_they_cover_at_least_as_often_as_they_say():
    for n, p in itertools.product((3, 5, 10), (0.05, 0.3, 0.5, 0.9)):
        chances = stats.binom.pmf(range(n + 1), n, p)
        covered = sum(chances[k] for k in range(n + 1) if exact_interval(k, n)[0] <= p <= exact_interval(k, n)[1])
        assert covered >= 0.95


def test_fisher_is_scipys():
    for n, m in ((3, 3), (5, 4), (10, 12)):
        for k, j in itertools.product(range(n + 1), range(m + 1)):
            wanted = stats.fisher_exact([[k, n - k], [j, m - j]]).pvalue
            assert fisher_test(k, n, j, m) == pytest.approx(wanted, rel=1e-6)


def test_the_family_of_fishers_tests_keeps_its_level():
    """Every row trains as often as the baseline: any of 6 is shown in at most 5 % of tables."""
    random, n, rows, times = np.random.default_rng(0), 8, 6, 3000
    for p in (0.3, 0.6):
        counts = random.binomial(n, p, (times, rows + 1))
        found = [any(sidak_adjusted(fisher_test(k, n, each[0], n), rows) <= 0.05 for k in each[1:]) for each in counts]
        assert np.mean(found) <= 0.05


def test_seeds_that_decide_are_the_fewest():
    assert seeds_that_decide(1) == 4  # 2 / C(8, 4) = 0.029
    for family in (1, 3, 8):
        n = seeds_that_decide(family)
        assert (
            sidak_adjusted(fisher_test(n, n, 0, n), family)
            <= 0.05
            < sidak_adjusted(fisher_test(n - 1, n - 1, 0, n - 1), family)
        )


def test_outperforming_counts_seeds_and_half_of_ties():
    values, baseline = {0: 2.0, 1: 1.0, 2: 5.0, 9: 1.0}, {0: 1.0, 1: 1.0, 2: 6.0, 3: 0.0}
    share, interval, n = share_above_baseline(values, baseline)
    assert (share, n) == (0.5, 3) and interval[0] < 0.5 < interval[1]
    assert share_above_baseline({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_what_cannot_be(k, n):
    with pytest.raises(ValueError, match="from 0 to n"):
        exact_interval(k, n)
