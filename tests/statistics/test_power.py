"""Power against published tables, scipy.stats and simulation; the spread against slow plain formulas."""

import math

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.power import Design, detectable_difference, pooled_spread, seeds_needed, verdict_power
from dropgrid.statistics.simultaneous import compare_pairs


@pytest.mark.parametrize(("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_seeds_needed_are_those_of_cohens_conventions(effect, n):
    assert seeds_needed(effect, 1.0) == n  # as G*Power 3.1 has it: paired t, two-sided 5 %, power 0.80
    assert verdict_power(n, effect, 1.0) >= 0.8 > verdict_power(n - 1, effect, 1.0)


@pytest.mark.parametrize("n", [2, 3, 5, 20, 1000])
@pytest.mark.parametrize("effect", [0.0, 0.01, 0.5, 2.0, 30.0])
def test_power_is_the_noncentral_ts(n, effect):
    critical, shift = stats.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    other_side = stats.nct.cdf(-critical, n - 1, shift) if shift < 5 else 0.0  # where it is not nan
    wanted = stats.nct.sf(critical, n - 1, shift) + other_side
    assert verdict_power(n, 3 * effect, 3.0) == pytest.approx(wanted, abs=1e-6)
    assert verdict_power(n, -effect, 1.0) == verdict_power(n, effect, 1.0)


def test_power_never_falls_as_the_difference_grows():
    for n in (*range(2, 12), 100, 10**6):
        shown = [verdict_power(n, effect, 1.0) for effect in np.logspace(-5, 5, 300)]
        assert min(np.diff(shown)) > -1e-9 and 0.049 < min(shown) and 0.999 < max(shown) <= 1 + 1e-9


def test_power_is_how_often_the_test_shows_it():
    n, delta, sd, repeats = 6, 0.9, 0.7, 20_000
    drawn = np.random.default_rng(0).normal(delta, sd, (repeats, n))
    shown = (stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    chance = verdict_power(n, delta, sd)
    assert shown == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / repeats))


def test_power_at_no_difference_is_the_level():
    assert verdict_power(7, 0.0, 1.0) == pytest.approx(0.05)


def test_more_seeds_larger_differences_and_less_spread_show_more():
    assert np.all(np.diff([verdict_power(n, 0.3, 0.5) for n in range(2, 40)]) > 0)
    assert np.all(np.diff([verdict_power(5, d, 0.5) for d in np.linspace(0.01, 2, 40)]) > 0)
    assert np.all(np.diff([seeds_needed(0.3, sd) for sd in (0.1, 0.3, 0.6, 1.2)]) > 0)
    assert np.all(np.diff([detectable_difference(n, 0.5) for n in range(2, 40)]) < 0)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 60])
def test_detectable_is_where_power_is_what_was_wanted(n):
    assert verdict_power(n, detectable_difference(n, 0.4), 0.4) == pytest.approx(0.8)
    assert seeds_needed(detectable_difference(n, 0.4) * 1.0001, 0.4) == n


def test_what_cannot_be():
    assert detectable_difference(1, 0.5) is None
    assert seeds_needed(1e-9, 1.0) is None
    assert seeds_needed(0.3, 0.0) == 2 and detectable_difference(4, 0.0) == 0.0
    with pytest.raises(ValueError, match="above 0, got 0"):
        seeds_needed(0, 1.0)
    with pytest.raises(ValueError, match="2 seeds or more"):
        verdict_power(1, 1.0, 1.0)


def test_test_images_leave_a_difference_that_no_seeds_show():
    design = Design(images=0.16)
    assert seeds_needed(0.8, 0.5, design) is None
    # without any spread over seeds it is the z-test over images
    expected = stats.norm.sf(1.96 - 1.0 / 0.4) + stats.norm.cdf(-1.96 - 1.0 / 0.4)
    assert verdict_power(5, 1.0, 0.0, design) == pytest.approx(expected, abs=0.001)
    assert verdict_power(100_000, 1.0, 0.5, design) == pytest.approx(expected, abs=0.005)
    assert verdict_power(8, 1.0, 0.5, Design(images=1e-12)) == pytest.approx(verdict_power(8, 1.0, 0.5), abs=0.002)


@pytest.mark.parametrize(("rows", "n", "images"), [(2, 6, 0.1), (2, 15, 0.3), (5, 6, 0.1), (5, 15, 0.3)])
def test_power_with_test_images_is_how_often_the_verdict_shows_it(rows, n, images):
    random, hits, times = np.random.default_rng(3), 0, 1500
    design = Design(rows - 1, rows, images=images)
    effect = detectable_difference(n, math.sqrt(2), design)
    for _ in range(times):
        values = random.normal(size=(rows, n)) + math.sqrt(images / 2) * random.normal(size=(rows, 1))
        values[1] += effect
        table = {str(row): dict(enumerate(line.tolist())) for row, line in enumerate(values)}
        (found,) = compare_pairs(table, [("1", "0")], [images], family=rows - 1)
        hits += found.ci95[0] > 0 or found.ci95[1] < 0
    assert hits / times == pytest.approx(0.8, abs=0.04)


BASELINE = {0: 90.0, 1: 91.0, 2: 92.5}


def test_the_spread_of_one_row_is_its_differences_standard_deviation():
    row = {0: 91.0, 1: 91.5, 2: 95.0, 7: 10.0}
    found = pooled_spread([{"a": BASELINE, "b": row}], "a")
    differences = [row[s] - BASELINE[s] for s in BASELINE]
    assert found.sd == pytest.approx(np.std(differences, ddof=1)) and (found.rows, found.seeds) == (1, 3)
    assert found.correlation == pytest.approx(np.corrcoef([row[s] for s in BASELINE], [*BASELINE.values()])[0, 1])
    wanted = [found.sd * math.sqrt(2 / stats.chi2.ppf(p, 2)) for p in (0.975, 0.025)]
    assert found.interval == pytest.approx(wanted)


def test_rows_are_pooled_by_their_degrees_of_freedom():
    first, second = {0: 91.0, 1: 91.5, 2: 95.0}, {0: 90.5, 2: 90.0}
    found = pooled_spread([{"a": BASELINE, "b": first}, {"a": BASELINE, "c": second}], "a")
    variances = [np.var([each[s] - BASELINE[s] for s in each], ddof=1) for each in (first, second)]
    assert found.sd == pytest.approx(math.sqrt((2 * variances[0] + variances[1]) / 3))
    assert (found.rows, found.seeds) == (2, 3)
    wanted = [found.sd * math.sqrt(3 / stats.chi2.ppf(p, 3)) for p in (0.975, 0.025)]
    assert found.interval == pytest.approx(wanted)  # two blocks share no baseline: all degrees of freedom count


def test_nothing_is_said_without_two_seeds_in_common():
    assert pooled_spread([{"a": BASELINE}], "a") is None
    assert pooled_spread([{"a": BASELINE, "b": {0: 90.0, 8: 91.0}}], "a") is None
    assert pooled_spread([{"b": BASELINE}], "a") is None
    assert pooled_spread([], "a") is None


def test_equal_differences_have_no_spread():
    found = pooled_spread([{"a": BASELINE, "b": {s: v + 0.1 for s, v in BASELINE.items()}}], "a")
    assert found.sd == 0.0 and found.correlation == pytest.approx(1)


def test_the_intervals_cover_although_rows_share_their_baseline():
    random = np.random.default_rng(0)
    repeats, covered, naive, truth = 3000, 0, 0, 0.3 * math.sqrt(2)
    for _ in range(repeats):
        luck = random.normal(0, 1, 5)
        block = {row: dict(enumerate(luck + random.normal(0, 0.3, 5))) for row in "abcdefgh"}
        found = pooled_spread([block], "a")
        covered += found.interval[0] <= truth <= found.interval[1]
        low, high = (found.sd * math.sqrt(28 / stats.chi2.ppf(p, 28)) for p in (0.975, 0.025))
        naive += low <= truth <= high
    assert covered / repeats == pytest.approx(0.95, abs=0.015)
    assert naive / repeats < 0.9  # what counting every row's seeds as new ones would have claimed
