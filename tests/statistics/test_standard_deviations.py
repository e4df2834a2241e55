"""Intervals of standard deviations hold what their page says, of normal values and of others."""

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
    # the standard error here is 0.005
    assert 0.91 < alone / count < 0.985 and 0.91 < together / count < 0.985


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


LONG_TAILS = {
    "t4": lambda random, shape: random.standard_t(4, shape) / 2**0.5,
    "exponential": lambda random, shape: random.exponential(size=shape),
}


@pytest.mark.slow
@pytest.mark.parametrize("law", [*LONG_TAILS, "normal"])
@pytest.mark.parametrize("n", [10, 20])
def test_coverage_is_what_the_report_says(law, n):
    """A standard deviation of long tails 87 to 92 %, a ratio 90 to 95 %, of correlated seeds as of independent ones."""
    draw = LONG_TAILS.get(law) or (lambda random, shape: random.normal(size=shape))
    random, times, error = np.random.default_rng(7), 1500, 0.02
    found = [std_interval(values) for values in draw(random, (times, n))]
    alone = sum(low <= 1 <= high for low, high in found) / times
    assert 0.87 - error < alone < (0.97 if law == "normal" else 0.92 + error)
    for shared in (0.0, 0.6, 0.9):
        both, own, other = (draw(random, (times, n)) for _ in range(3))
        pairs = [shared**0.5 * both + (1 - shared) ** 0.5 * each for each in (own, other)]
        found = [std_ratio(one, two)[1] for one, two in zip(*pairs, strict=True)]
        covered = sum(low <= 1 <= high for low, high in found) / times
        assert (0.94 if law == "normal" else 0.90) - error < covered < 0.95 + error


def test_what_two_rows_share_at_a_seed_makes_the_interval_of_their_ratio_narrower():
    random = np.random.default_rng(2)
    shared, own, other = (random.normal(size=20) for _ in range(3))
    widths = []
    for part in (0.0, 0.9):
        _, (low, high) = std_ratio(*(part**0.5 * shared + (1 - part) ** 0.5 * each for each in (own, other)))
        widths.append(high / low)
    assert widths[1] < 0.75 * widths[0]


def test_a_ratio_without_spread_once_a_pair_is_left_out_has_no_interval():
    assert std_ratio(np.array([1.0, 1, 1, 1, 2]), np.arange(5.0))[1] is None
