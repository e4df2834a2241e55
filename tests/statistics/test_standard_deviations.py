"""Intervals of standard deviations: Bonett's hold what they promise, also of what is not normal."""

import numpy as np
import pytest

from dropgrid.statistics.standard_deviations import std_interval, std_ratio

DRAWS = {
    "normal": lambda random, n: random.normal(size=n),
    "uniform": lambda random, n: random.uniform(-(3**0.5), 3**0.5, n),
    "laplace": lambda random, n: random.laplace(scale=0.5**0.5, size=n),
}
"""Each of standard deviation 1."""


@pytest.mark.parametrize("law", DRAWS)
def test_intervals_cover_the_truth_about_95_times_in_100(law):
    random = np.random.default_rng(0)
    alone, together, count = 0, 0, 2000
    for _ in range(count):
        one, other = 3 * DRAWS[law](random, 20), DRAWS[law](random, 20)
        low, high = std_interval(one)
        alone += low <= 3 <= high
        _, (low, high) = std_ratio(one, other)
        together += low <= 3 <= high
    # the standard error here is 0.005; of two samples of a flat law the interval is a safe one
    assert 0.91 < alone / count < 0.985 and 0.91 < together / count < (0.999 if law == "uniform" else 0.985)


def test_the_chi_square_interval_is_near_for_normal_values():
    from scipy.stats import chi2, norm

    values = norm.ppf((np.arange(200) + 0.5) / 200)
    low, high = std_interval(values)
    exact = [float((199 / chi2.ppf(q, 199)) ** 0.5 * values.std(ddof=1)) for q in (0.975, 0.025)]
    assert (low, high) == pytest.approx(exact, rel=0.02)


def test_scaled_values_have_scaled_intervals_and_shifted_ones_the_same():
    values = np.random.default_rng(1).normal(size=12)
    low, high = std_interval(values)
    assert std_interval(5 * values - 7) == pytest.approx((5 * low, 5 * high))
    assert std_ratio(values, values)[0] == 1
    ratio, (low, high) = std_ratio(2 * values, values[::-1] + 3)
    assert ratio == pytest.approx(2) and low * high == pytest.approx(4)


def test_too_few_or_equal_values_have_no_interval():
    assert std_interval(np.arange(4.0)) is None and std_interval(np.ones(9)) is None
    assert std_ratio(np.arange(3.0), np.arange(3.0)) == (1.0, None)
    assert std_ratio(np.ones(9), np.arange(9.0)) == (None, None)
