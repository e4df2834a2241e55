"""Levels of interim analyses and conditional power, against formulas and simulation."""

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.interim import conditional_power, is_futile, level_at, level_by_count
from dropgrid.statistics.simultaneous import make_comparison


@pytest.mark.parametrize("counts", [[3, 5, 8, 12], [2, 3], [5], [3, 4, 5, 6, 7, 8]])
def test_analyses_spend_five_percent_together_and_most_at_the_last(counts):
    levels = level_by_count(counts)
    assert sum(levels.values()) == pytest.approx(0.05) and list(levels) == counts
    assert all(0 < each for each in levels.values()) and max(levels.values()) == levels[counts[-1]]


def test_spending_is_obrien_flemings():
    levels = level_by_count([3, 12])
    assert levels[3] == pytest.approx(2 * stats.norm.sf(stats.norm.isf(0.025) * 2))


def test_a_row_between_analyses_has_the_level_of_the_one_before():
    levels = level_by_count([3, 5, 8])
    assert [level_at(levels, n) for n in (2, 3, 4, 5, 7, 8, 20)] == [levels[n] for n in (3, 3, 3, 5, 5, 8, 8)]


@pytest.mark.parametrize("images", [None, 0.1])
@pytest.mark.parametrize(("mean", "delta"), [(0.0, 1.0), (0.3, 1.0), (-0.3, 1.0), (0.9, 0.2)])
def test_conditional_power_is_how_often_the_last_analysis_shows_it(mean, delta, images):
    """By drawing the seeds to come, the spread taken as known; the test images stay as they are."""
    n, last, sd, times = 6, 12, 0.8, 40_000
    now = make_comparison(mean, sd**2 / n, 1e6, images, 0.95, 1, n)
    limit = stats.norm.ppf(0.975) * np.sqrt(sd**2 / last + (images or 0))
    random, true = np.random.default_rng(0), max(delta, abs(mean))
    hits = []
    for sign in (1, -1):
        more = random.normal(sign * true, sd / np.sqrt(last - n), times)
        d = (n * mean + (last - n) * more) / last
        hits.append((sign * d > limit).mean())
    assert conditional_power(now, delta, last, 0.05) == pytest.approx(max(hits), abs=0.01)


def test_rows_are_given_up_only_from_half_of_the_seeds_on():
    hopeless = {n: make_comparison(0.0, 25.0 / n, n - 1.0, None, 0.95, 3, n) for n in (3, 5, 6, 8, 12)}
    assert [is_futile(each, 0.3, 12, 0.03) for each in hopeless.values()] == [False, False, True, True, False]
    assert not is_futile(make_comparison(0.0, 0.01, 7.0, None, 0.95, 3, 8), 1.0, 12, 0.03)
