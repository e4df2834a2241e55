"""Simultaneous intervals against plain formulas, and by the level and power that they claim."""

import math

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.combinations import combined_images_variance
from dropgrid.statistics.samples import paired_difference
from dropgrid.statistics.simultaneous import compare_pairs, images_variance, make_comparison, own_spreads


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


def test_of_two_rows_it_is_the_paired_t_test():
    values = drawn(np.random.default_rng(1), {"a": 0, "b": 0.4}, 6)
    (ours,) = compare_pairs(values, [("b", "a")])
    theirs = paired_difference(values["b"], values["a"])
    assert ours.ci95 == pytest.approx(theirs.ci95, rel=1e-6) and ours.freedom == 5


def test_of_three_rows_each_is_the_paired_t_test_at_sidaks_level():
    values = drawn(np.random.default_rng(1), {"a": 0, "b": 0.4, "c": 1.0}, 6)
    for row, found in zip("bc", compare_pairs(values, pairs_of(values)), strict=True):
        apart = np.array([values[row][s] - values["a"][s] for s in range(6)])
        half = stats.t.ppf((1 + math.sqrt(0.95)) / 2, 5) * stats.sem(apart)
        assert found.ci95 == pytest.approx((apart.mean() - half, apart.mean() + half))


def plain_spread(values, row):
    """The rule of `own_spreads` for complete rows, spelled out."""
    seeds = sorted(values[row])

    def apart(one, other):
        found = np.array([values[one][s] - values[other][s] for s in seeds])
        return found - found.mean()

    others = [each for each in values if each != row]
    usual = {
        j: np.median([apart(j, k).var() * len(seeds) / (len(seeds) - 1) for k in values if k != j]) for j in others
    }
    total = sum(1 / usual[j] for j in others)
    weights = {j: 1 / usual[j] / total for j in others}
    deviation = sum(weights[j] * apart(row, j) for j in others)
    shrink = 1 + sum(w**2 for w in weights.values()) * max(0.0, 1 - 6 / len(seeds))
    return (deviation**2).sum() / (len(seeds) - 1) / shrink


@pytest.mark.parametrize("seeds", [2, 3, 9])
def test_a_spread_is_its_rules_and_a_comparison_has_welchs_degrees_of_freedom(seeds):
    values = drawn(np.random.default_rng(seeds), dict.fromkeys("abcde", 0.0), seeds)
    found = own_spreads(values)
    for row in values:
        assert found[row] == pytest.approx((plain_spread(values, row), seeds - 1))
    one, other = found["b"][0], found["a"][0]
    each = compare_pairs(values, pairs_of(values))[0]
    freedom = (one + other) ** 2 / (one**2 + other**2) * (seeds - 1)
    assert each.freedom == pytest.approx(freedom) and each.error == pytest.approx(math.sqrt((one + other) / seeds))
    half = stats.t.ppf((1 + 0.95 ** (1 / 4)) / 2, freedom) * each.error
    assert each.ci95 == pytest.approx((each.mean - half, each.mean + half))
    inner = stats.t.ppf(0.95 ** (1 / 4), freedom) * each.error
    assert each.inner == pytest.approx((each.mean - inner, each.mean + inner))


def test_what_all_rows_share_at_a_seed_does_not_matter():
    values = drawn(np.random.default_rng(2), dict.fromkeys("abcde", 0.0), 5)
    moved = {row: {s: value + 7 * s for s, value in each.items()} for row, each in values.items()}
    for one, other in zip(compare_pairs(values, pairs_of(values)), compare_pairs(moved, pairs_of(moved)), strict=True):
        assert one.ci95 == pytest.approx(other.ci95)


def test_a_row_that_diverges_leaves_the_others_their_intervals():
    random = np.random.default_rng(5)
    values = drawn(random, dict.fromkeys("abcdefgh", 0.0), 5)
    before = [each.ci95[1] - each.ci95[0] for each in compare_pairs(values, pairs_of(values))]
    values["h"] = {seed: 95 + 50 * (value - 95) for seed, value in values["h"].items()}
    after = [each.ci95[1] - each.ci95[0] for each in compare_pairs(values, pairs_of(values))]
    assert after[-1] > 20 * before[-1]
    assert np.array(after[:-1]) == pytest.approx(np.array(before[:-1]), rel=0.25)


def test_cells_may_be_missing():
    values = drawn(np.random.default_rng(3), dict.fromkeys("abcd", 0.0), 6)
    for seed in (3, 4, 5):
        del values["d"][seed]
    found = compare_pairs(values, pairs_of(values))
    assert [each.n for each in found] == [6, 6, 3]
    assert found[2].mean == pytest.approx(np.mean([values["d"][s] - values["a"][s] for s in range(3)]))
    assert found[0].mean == pytest.approx(np.mean(list(values["b"].values())) - np.mean(list(values["a"].values())))


def test_a_pair_with_one_seed_in_common_has_no_comparison():
    values = {"a": {0: 1.0, 1: 2.0}, "b": {1: 2.0, 2: 3.0}}
    assert compare_pairs(values, [("b", "a")]) == [None] and compare_pairs(values, []) == []


def test_equal_values_have_an_interval_of_no_width():
    values = {row: dict.fromkeys(range(4), 90.0) for row in "abcde"}
    assert all(each.ci95 == pytest.approx((0, 0), abs=1e-9) for each in compare_pairs(values, pairs_of(values)))


def test_more_comparisons_share_the_level():
    values = drawn(np.random.default_rng(6), dict.fromkeys("abcde", 0.0), 5)
    widths = [compare_pairs(values, [("b", "a")], family=n)[0].critical for n in (1, 2, 8, 40)]
    assert np.all(np.diff(widths) > 0)
    assert compare_pairs(values, [("b", "a")], None, lambda n: {5: 0.01}[n])[0].critical == pytest.approx(
        compare_pairs(values, [("b", "a")], None, 0.01)[0].critical
    )


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_detectable_is_what_noncentral_t_shows_with_80_percent(seeds):
    found = make_comparison(0.0, 0.04, seeds - 1.0, None, 0.95, 1, seeds)
    shown = stats.nct.sf(found.critical, seeds - 1, found.detectable / found.error)
    assert shown == pytest.approx(0.8, abs=2e-3)


def test_test_images_never_make_an_interval_narrower():
    alone = make_comparison(0.0, 0.04, 1.0, None, 0.95, 1, 2)
    for images in (1e-9, 0.01, 0.1, 10.0):
        counted = make_comparison(0.0, 0.04, 1.0, images, 0.95, 1, 2)
        assert counted.ci95[1] >= alone.ci95[1] - 1e-9 and counted.inner[1] >= alone.inner[1] - 1e-9


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


@pytest.mark.parametrize("unpaired", [False, True])
def test_with_test_images_counted_the_interval_covers_the_difference_on_all_images(unpaired):
    random, times, seeds, images = np.random.default_rng(4), 400, 5, 400
    truth = answers(random, 40, 50_000, 0.1)
    truth = 100 * (np.mean(list(truth["b"].values())) - np.mean(list(truth["a"].values())))
    counted = alone = 0
    for _ in range(times):
        right = answers(random, seeds, images, 0.1)
        values = {row: {s: 100 * float(each.mean()) for s, each in by_seed.items()} for row, by_seed in right.items()}
        if unpaired:
            right["b"], values["b"] = ({seeds + s: x for s, x in each["b"].items()} for each in (right, values))
        apart = [("b", "a")] if unpaired else []
        part = combined_images_variance(right, (("b", 1), ("a", -1)), unpaired)
        (with_images,) = compare_pairs(values, [("b", "a")], [part], unpaired=apart)
        (without,) = compare_pairs(values, [("b", "a")], unpaired=apart)
        counted += with_images.ci95[0] <= truth <= with_images.ci95[1]
        alone += without.ci95[0] <= truth <= without.ci95[1]
    assert counted / times > 0.92 and alone / times < 0.85


def test_images_on_which_rows_never_differ_add_nothing():
    assert images_variance({s: np.zeros(50) for s in range(3)}) == 0
    always = {s: np.where(np.arange(50) % 5 > 0, 1.0, 0.0) for s in range(3)}
    assert images_variance(always) == pytest.approx(1e4 * np.var(always[0], ddof=1) / 50)
