"""Scores of ensembles: Jensen's inequality, a slow plain reference, and the subsets."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dropgrid.statistics.ensembles import BRIER, MOST, NLL, choose_subsets, group_scores, score_ensembles


def slow(logits, targets, group):
    """Error, NLL and Brier score, image by image."""
    wrong = nll = brier = 0.0
    for image, target in enumerate(targets):
        mean = np.zeros(logits[0].shape[1])
        for member in group:
            odds = np.exp(logits[member][image] - max(logits[member][image]))
            mean += odds / odds.sum() / len(group)
        wrong += mean.argmax() != target
        nll -= math.log(mean[target])
        brier += sum((p - (k == target)) ** 2 for k, p in enumerate(mean))
    return [100 * wrong / len(targets), nll / len(targets), brier / len(targets)]


@pytest.mark.parametrize("seed", range(10))
def test_nll_and_brier_of_an_ensemble_are_never_above_the_mean_of_its_members(seed):
    random = np.random.default_rng(seed)
    n, images, classes = random.integers(2, 7), 20, random.integers(2, 6)
    logits = list(random.normal(scale=10.0 ** random.uniform(-1, 2), size=(n, images, classes)))
    targets = random.integers(0, classes, images)
    for _, _, values in score_ensembles(logits, targets, range(1, n + 1)):
        own, members = values[:, 0], values[:, 1]
        for which in (NLL, BRIER):
            assert (own[:, which] <= members[:, which] * (1 + 1e-12) + 1e-12).all()


@pytest.mark.parametrize("room", [10, 4_000_000])
def test_scores_are_those_of_a_slow_reference(monkeypatch, room):
    monkeypatch.setattr("dropgrid.statistics.ensembles.ROOM", room)
    random = np.random.default_rng(0)
    logits, targets = list(random.normal(scale=2, size=(4, 30, 5))), random.integers(0, 5, 30)
    groups = [(0,), (3,), (0, 2), (1, 2, 3), (0, 1, 2, 3)]
    expected = [slow(logits, targets, group) for group in groups]
    assert group_scores(logits, targets, groups) == pytest.approx(np.array(expected))


def test_a_probability_too_small_for_a_float_has_its_logarithm():
    logits = [np.array([[0.0, 2000.0]]), np.array([[0.0, 3000.0]])]
    found = group_scores(logits, np.array([0]), [(0,), (1,), (0, 1)])
    assert found[:, NLL] == pytest.approx([2000, 3000, 2000 + math.log(2)])


def test_subsets_are_all_of_them_or_so_many_different_ones_the_same_each_time():
    assert choose_subsets(5, 2) == list(combinations(range(5), 2))
    found = choose_subsets(12, 6)
    assert len(found) == len(set(found)) == MOST and found == choose_subsets(12, 6)
    assert all(len(set(each)) == 6 and set(each) <= set(range(12)) for each in found)
    # no cell is favoured: each is in half of them
    counts = np.bincount(np.concatenate(found), minlength=12)
    assert stats.chisquare(counts).pvalue > 0.01
