"""The interquartile mean of differences and its bootstrap interval."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from dropgrid.statistics.interquartile import interquartile_difference, interquartile_mean


@pytest.mark.parametrize("n", [10, 11, 12, 15, 40])
def test_it_is_the_mean_without_a_quarter_at_each_end(n):
    values = np.random.default_rng(n).normal(size=n)
    assert interquartile_difference(values)[0] == interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25))


def test_fewer_than_ten_seeds_have_none_and_an_extreme_one_hardly_counts():
    values = [float(each) for each in range(20)]
    assert interquartile_difference(values[:9]) is None
    mean, (low, high) = interquartile_difference([*values[:19], 1000.0])
    assert mean == interquartile_difference(values)[0] == 9.5 and low < 9.5 < high < 20


def test_the_interval_covers_the_truth_nearly_as_often_as_it_says():
    """The bootstrap of percentiles is narrow with few seeds: about 92 % at 12."""
    random, times = np.random.default_rng(0), 300
    found = [interquartile_difference(random.normal(size=12))[1] for _ in range(times)]
    assert 0.87 < sum(low <= 0 <= high for low, high in found) / times < 0.98
