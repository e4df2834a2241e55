"""Statistics against SciPy's own, against a table, and by the coverage that they claim."""

import math

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.samples import (
    correlation,
    describe,
    difference_verdict,
    geometric_ratio,
    paired_difference,
    welch_interval,
)

VALUES = {0: 94.2, 1: 95.1, 2: 94.9, 3: 95.6, 4: 94.4}
BASELINE = {0: 93.9, 1: 94.9, 2: 95.0, 3: 94.8, 4: 94.1}


def test_mean_std_and_interval_equal_scipy():
    values = list(VALUES.values())
    sample = describe(values)
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert sample.n == 5
    assert sample.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert sample.std == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert sample.ci95 == pytest.approx(expected, rel=1e-12)


def test_half_width_uses_the_tabulated_quantile():
    # t(0.975; 4) = 2.776 in every printed table
    sample = describe([1.0, 2.0, 3.0, 4.0, 5.0])
    assert sample.ci95[1] - 3 == pytest.approx(2.776 * math.sqrt(2.5) / math.sqrt(5), rel=2e-4)


def test_paired_difference_equals_scipys_paired_t_test():
    difference = paired_difference(VALUES, BASELINE)
    test = stats.ttest_rel(list(VALUES.values()), list(BASELINE.values()))
    assert difference.p_value == pytest.approx(test.pvalue, rel=1e-10)
    assert difference.ci95 == pytest.approx(tuple(test.confidence_interval(0.95)), rel=1e-10)
    assert difference.mean == pytest.approx(0.3, rel=1e-9)


def test_the_interval_as_if_seeds_were_not_shared_equals_welchs():
    more = {**VALUES, 5: 93.0, 6: 96.5}  # unlike counts and spreads
    expected = stats.ttest_ind([*more.values()], [*BASELINE.values()], equal_var=False).confidence_interval(0.95)
    assert welch_interval(more, BASELINE) == pytest.approx(tuple(expected), rel=1e-10)
    assert (
        welch_interval({0: 1.0, 1: 1.0}, {0: 0.5, 1: 0.5}) == (0.5, 0.5) and welch_interval({0: 1.0}, BASELINE) is None
    )


def test_correlation_equals_numpys_over_shared_seeds():
    more = {9: 10.0, **dict(reversed(VALUES.items()))}
    expected = np.corrcoef([*VALUES.values()], [*BASELINE.values()])[0, 1]
    assert correlation(more, BASELINE) == pytest.approx(expected, rel=1e-10)
    assert correlation({0: 1.0, 1: 2.0}, BASELINE) is None and correlation(dict.fromkeys(VALUES, 1.0), BASELINE) is None


def test_a_ratio_s_interval_is_students_of_the_logarithms():
    logs = np.log([VALUES[seed] / BASELINE[seed] for seed in VALUES])
    low, high = stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs))
    ratio, interval = geometric_ratio(VALUES, BASELINE)
    assert ratio == pytest.approx(np.exp(logs.mean()), rel=1e-10)
    assert interval == pytest.approx((np.exp(low), np.exp(high)), rel=1e-10)
    ratio, interval = geometric_ratio({0: 2.0}, {0: 1.0})
    assert ratio == pytest.approx(2.0) and interval is None and geometric_ratio({}, {}) == (None, None)


def test_only_seeds_finished_in_both_are_paired_whatever_their_order():
    difference = paired_difference({7: 3.0, 1: 2.0, 2: 9.0}, {2: 8.0, 3: 50.0, 7: 1.0})
    assert (difference.n, difference.mean) == (2, 1.5)


def test_pairing_is_narrower_where_seeds_share_their_luck():
    random = np.random.default_rng(0)
    luck = random.normal(0, 1, 8)
    values = {seed: 95.3 + luck[seed] + random.normal(0, 0.05) for seed in range(8)}
    baseline = {seed: 95 + luck[seed] + random.normal(0, 0.05) for seed in range(8)}
    low, high = paired_difference(values, baseline).ci95
    alone_low, alone_high = describe(list(values.values())).ci95
    assert high - low < 0.2 * (alone_high - alone_low)


@pytest.mark.parametrize("values", [{}, {0: 95.0}])
def test_fewer_than_two_seeds_have_no_interval(values):
    sample, difference = describe(list(values.values())), paired_difference(values, BASELINE)
    assert sample.std is None and sample.ci95 is None
    assert difference.ci95 is None and difference.p_value is None
    assert sample.mean == values.get(0)


@pytest.mark.parametrize(("shift", "expected"), [(0.1, "above"), (-0.1, "below"), (0, "open")])
def test_equal_differences_have_an_interval_of_no_width_and_no_p_value(shift, expected):
    difference = paired_difference({seed: value + shift for seed, value in BASELINE.items()}, BASELINE)
    assert difference.ci95 == pytest.approx((shift, shift), abs=1e-9)
    assert difference.p_value is None
    assert difference_verdict(difference.ci95) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.1, 0.5), "above"),
        ((-0.5, -0.1), "below"),
        ((-0.1, 0.5), "open"),
        ((0.0, 0.5), "open"),
        (None, None),
    ],
)
def test_verdict_follows_its_rule(interval, expected):
    assert difference_verdict(interval) == expected


def test_intervals_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(20)
    repeats, truth = 4000, 0.4
    covered = 0
    for _ in range(repeats):
        luck = random.normal(0, 1, 5)
        values = dict(enumerate(95 + truth + luck + random.normal(0, 0.3, 5)))
        baseline = dict(enumerate(95 + luck + random.normal(0, 0.3, 5)))
        low, high = paired_difference(values, baseline).ci95
        covered += low <= truth <= high
    # four binomial standard errors; a normal quantile in place of Student's would cover 0.88
    assert covered / repeats == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / repeats))
