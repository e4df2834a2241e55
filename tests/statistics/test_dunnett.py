"""Simultaneous intervals against SciPy's, against printed tables, and by the coverage that they claim."""

import numpy as np
import pytest
from scipy import stats

from dropgrid.reports.published import CONTRADICTED, OTHER_SIZE, REPRODUCED, Published, judge
from dropgrid.statistics.dunnett import compare, critical, examples_covariance
from dropgrid.statistics.samples import paired

PUBLISHED = {"b": 0.29, "c": 0.59, "d": 0.90, "e": 0.01, "f": 1.12, "g": 0.66, "h": 1.62, "i": 1.84}
"""The effects of Table 1, in its order."""


def pairs_of(values):
    baseline, *rows = values
    return [(row, baseline) for row in rows]


def drawn(random, effects, seeds, spread=0.4, shared=0.3):
    """row -> seed -> value; seeds' luck is shared by all rows."""
    luck = random.normal(0, shared, seeds)
    return {
        row: {s: 95 + effect + luck[s] + random.normal(0, spread) for s in range(seeds)}
        for row, effect in effects.items()
    }


# Dunnett, Biometrics 1964, Table II: two-sided 5 %, k comparisons, ν degrees of freedom
@pytest.mark.parametrize(
    ("rows", "freedom", "printed"), [(1, 10, 2.23), (2, 10, 2.57), (3, 20, 2.54), (5, 10, 2.99), (2, 5, 3.03)]
)
def test_critical_values_are_the_printed_ones(rows, freedom, printed):
    assert critical(rows, freedom, 0.5) == pytest.approx(printed, abs=0.006)


@pytest.mark.parametrize(("rows", "freedom", "correlation"), [(3, 6, 0.5), (7, 28, 0.5), (4, 12, 0.2), (2, 300, 0.0)])
def test_critical_values_hold_their_probability_by_scipys_multivariate_t(rows, freedom, correlation):
    shape = np.full((rows, rows), correlation) + np.eye(rows) * (1 - correlation)
    limit = critical(rows, freedom, correlation)
    found = stats.multivariate_t(shape=shape, df=freedom, seed=0).cdf([limit] * rows, lower_limit=[-limit] * rows)
    assert found == pytest.approx(0.95, abs=2e-4)


def test_of_two_rows_it_is_the_paired_t_test():
    values = drawn(np.random.default_rng(1), {"a": 0, "b": 0.4}, 6)
    (ours,) = compare(values, [("b", "a")])
    theirs = paired(values["b"], values["a"])
    assert ours.ci95 == pytest.approx(theirs.ci95, rel=1e-6) and ours.freedom == 5


def test_rows_that_vary_alike_have_the_pooled_spread():
    """Residuals of equal size in every row: by hand Dunnett's intervals with seeds as blocks."""
    means, luck = [95.0, 95.5, 94.0, 95.2], [0.3, -0.5, 0.1, 0.4]
    residual = [[0.4 * np.cos(np.pi * (row + seed) / 2 + 0.3) for seed in range(4)] for row in range(4)]
    table = np.array(means)[:, None] + luck + residual
    values = {row: dict(enumerate(line)) for row, line in zip("abcd", table, strict=True)}
    half = critical(3, 9, 0.5) * np.sqrt(np.square(residual).sum() / 9 * 2 / 4)
    for index, each in enumerate(compare(values, pairs_of(values)), 1):
        mean = means[index] - means[0]
        assert each.ci95 == pytest.approx((mean - half, mean + half), rel=1e-4) and each.freedom == 9


def test_a_row_that_varies_more_widens_its_own_interval_alone():
    random = np.random.default_rng(5)
    values = drawn(random, dict.fromkeys("abcdefgh", 0.0), 5)
    widths = [each.ci95[1] - each.ci95[0] for each in compare(values, pairs_of(values))]
    values["h"] = {seed: 95 + 20 * (value - 95) for seed, value in values["h"].items()}
    after = [each.ci95[1] - each.ci95[0] for each in compare(values, pairs_of(values))]
    assert after[-1] > 8 * widths[-1] and max(after[:-1]) < 2 * max(widths[:-1])


@pytest.mark.parametrize("start", range(4))
def test_a_row_s_spread_is_never_taken_for_less_than_its_own(start):
    """Few seeds tell little of it, and the other rows, which vary a sixth as much, do not speak for it."""
    values = drawn(np.random.default_rng(start), dict.fromkeys("abcdefgh", 0.0), 5)
    values["h"] = {seed: 95 + 6 * (value - 95) for seed, value in values["h"].items()}
    own = [value - np.mean([values[row][seed] for row in "abcdefg"]) for seed, value in values["h"].items()]
    assert compare(values, pairs_of(values))[-1].error > 0.95 * stats.sem(own)


def test_cells_may_be_missing():
    values = drawn(np.random.default_rng(3), dict.fromkeys("abcd", 0.0), 6)
    for seed in (3, 4, 5):
        del values["d"][seed]
    found = compare(values, pairs_of(values))
    assert found[2].error > 1.2 * found[1].error and all(each.freedom <= 21 - 9 for each in found)
    # rows that have all seeds: the plain difference, but for what d tells of the seeds, which is nothing
    assert found[0].mean == pytest.approx(np.mean(list(values["b"].values())) - np.mean(list(values["a"].values())))
    both = [values["d"][s] - np.mean([values[r][s] for r in "abc"]) for s in range(3)]
    assert found[2].mean == pytest.approx(
        np.mean(both) - (np.mean([*values["a"].values()]) - np.mean([values[r][s] for r in "abc" for s in range(6)])),
        abs=0.15,
    )


@pytest.mark.parametrize("values", [{}, {"a": {0: 1.0}, "b": {0: 2.0}}, {"a": {0: 1.0}}])
def test_where_nothing_tells_of_a_spread_there_is_nothing(values):
    assert compare(values, [("b", "a")] if "b" in values else []) == []


def test_equal_values_have_an_interval_of_no_width():
    values = {row: dict.fromkeys(range(4), 90.0) for row in "abc"}
    assert all(each.ci95 == pytest.approx((0, 0), abs=1e-9) for each in compare(values, pairs_of(values)))


@pytest.mark.slow
def test_all_rows_intervals_hold_at_once_95_times_in_100():
    random, times = np.random.default_rng(0), 600
    effects = dict(zip("abcdefghi", [0, 0, 0.2, -0.4, 0.6, 0, 1, 0, 0.3], strict=True))
    missed = 0
    for _ in range(times):
        found = compare(drawn(random, effects, 3), [(row, "a") for row in "bcdefghi"])
        missed += any(
            not low <= effects[row] <= high
            for row, (low, high) in zip("bcdefghi", (each.ci95 for each in found), strict=True)
        )
    assert abs(missed / times - 0.05) < 4 * (0.05 * 0.95 / times) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("unlike", [False, True])
def test_nothing_is_reproduced_where_there_is_no_effect(unlike):
    """The whole procedure over Table 1's family, 3 seeds, no row differing: at most 5 % find any effect reproduced.

    `unlike`: a row whose spread is three times the others', against what is assumed.
    """
    random, times = np.random.default_rng(1), 600
    theirs = {row: Published(effect, 0.06, 4.0) for row, effect in PUBLISHED.items()}
    false = 0
    for _ in range(times):
        values = drawn(random, dict.fromkeys("abcdefghi", 0.0), 3)
        if unlike:
            values["h"] = {seed: 95 + 3 * (value - 95) for seed, value in values["h"].items()}
        found = compare(values, [(row, "a") for row in PUBLISHED])
        verdicts = [judge(each, theirs[row]) for row, each in zip(PUBLISHED, found, strict=True)]
        false += any(verdict in (REPRODUCED, OTHER_SIZE) for verdict in verdicts)
    assert false / times < 0.05 + 4 * (0.05 * 0.95 / times) ** 0.5
    if not unlike:
        assert false / times < 0.04  # only one side of 0 is the published one


def test_true_effects_are_reproduced_and_opposite_ones_contradicted():
    random, times = np.random.default_rng(2), 200
    same = opposite = 0
    for _ in range(times):
        effects = {"a": 0.0, **PUBLISHED}
        found = compare(drawn(random, effects, 8, spread=0.2), [(row, "a") for row in PUBLISHED])
        index = list(PUBLISHED).index("h")
        same += judge(found[index], Published(PUBLISHED["h"], 0.05, 4.0)) == REPRODUCED
        opposite += judge(found[index], Published(-PUBLISHED["h"], 0.05, 4.0)) == CONTRADICTED
    assert same / times > 0.9 and opposite == times


def answers(random, seeds, images, effect):
    """Right or wrong by row and seed: images of unlike difficulty, another lot each time."""
    difficulty = random.normal(1.2, 1.0, images)
    own = random.normal(0, 1.2, images)  # what a row is better or worse at
    rows = {"a": 0.0, "b": effect}
    skill = {row: random.normal(0, 0.05, seeds) for row in rows}
    return {
        row: {
            s: difficulty + (own + rows[row] if row == "b" else 0) + skill[row][s] + random.normal(0, 0.3, images) > 0
            for s in range(seeds)
        }
        for row in rows
    }


def test_with_test_images_counted_the_interval_covers_the_difference_on_all_images():
    random, times, seeds, images = np.random.default_rng(4), 400, 5, 400
    truth = answers(random, 40, 50_000, 0.1)
    truth = 100 * (np.mean(list(truth["b"].values())) - np.mean(list(truth["a"].values())))
    counted = alone = 0
    for _ in range(times):
        right = answers(random, seeds, images, 0.1)
        values = {row: {s: 100 * float(each.mean()) for s, each in by_seed.items()} for row, by_seed in right.items()}
        (with_images,) = compare(values, [("b", "a")], examples_covariance(right, [("b", "a")]))
        (without,) = compare(values, [("b", "a")])
        counted += with_images.ci95[0] <= truth <= with_images.ci95[1]
        alone += without.ci95[0] <= truth <= without.ci95[1]
    assert counted / times > 0.92 and alone / times < 0.85


def test_images_on_which_rows_never_differ_add_nothing():
    right = {row: {s: np.arange(50) % 5 > 0 for s in range(3)} for row in "ab"}
    assert examples_covariance(right, [("b", "a")]) == pytest.approx(np.zeros((1, 1)))
