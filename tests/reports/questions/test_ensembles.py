"""Ensembles: Jensen's inequality, scores against a slow plain reference, subsets, and where they are shown."""

import json
import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dropgrid.errors import UserError
from dropgrid.reports.figures import ensemble
from dropgrid.reports.footnotes import notes
from dropgrid.reports.formats import formats
from dropgrid.reports.questions.ensembles import BRIER, ERROR, MOST, NLL, averaged, check, scores, subsets
from dropgrid.reports.report import write
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ROWS = ["baseline", "dropout"]


def table_of(fake, asked=True):
    fake.about["ensemble"] = asked
    return tabulate(read(fake.write(), fake.outputs))


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
    for _, _, values in averaged(logits, targets, range(1, n + 1)):
        own, members = values[:, 0], values[:, 1]
        for which in (NLL, BRIER):
            assert (own[:, which] <= members[:, which] * (1 + 1e-12) + 1e-12).all()


def test_the_error_of_an_ensemble_may_be_above_its_members_and_that_is_told(fake):
    # two are right by a little where the third is wrong by a lot: each errs once in three, together always
    targets = np.zeros(3, int)
    logits = np.full((3, 3, 2), [0.1, 0.0])
    logits[np.arange(3), np.arange(3)] = [0.0, 9.0]
    ((_, _, values),) = averaged(list(logits), targets, [3])
    assert values[0, 0, ERROR] == 100 and values[0, 1, ERROR] == pytest.approx(100 / 3)
    fake.add(ROWS, seeds=3).predict()
    for cell, each in zip(fake.of("dropout"), logits, strict=True):
        cell["predictions"] |= {"last": each, "targets": targets}
    found = next(each for each in table_of(fake, [3]).ensembles if each.row == "dropout")
    assert found.above == 1 and found.error.mean == 100 and found.nll.mean < found.nll.members


@pytest.mark.parametrize("room", [10, 4_000_000])
def test_scores_are_those_of_a_slow_reference(monkeypatch, room):
    monkeypatch.setattr("dropgrid.reports.questions.ensembles.ROOM", room)
    random = np.random.default_rng(0)
    logits, targets = list(random.normal(scale=2, size=(4, 30, 5))), random.integers(0, 5, 30)
    groups = [(0,), (3,), (0, 2), (1, 2, 3), (0, 1, 2, 3)]
    expected = [slow(logits, targets, group) for group in groups]
    assert scores(logits, targets, groups) == pytest.approx(np.array(expected))


def test_a_probability_too_small_for_a_float_has_its_logarithm():
    logits = [np.array([[0.0, 2000.0]]), np.array([[0.0, 3000.0]])]
    found = scores(logits, np.array([0]), [(0,), (1,), (0, 1)])
    assert found[:, NLL] == pytest.approx([2000, 3000, 2000 + math.log(2)])


def test_subsets_are_all_of_them_or_so_many_different_ones_the_same_each_time():
    assert subsets(5, 2) == list(combinations(range(5), 2))
    found = subsets(12, 6)
    assert len(found) == len(set(found)) == MOST and found == subsets(12, 6)
    assert all(len(set(each)) == 6 and set(each) <= set(range(12)) for each in found)
    # no cell is favoured: each is in half of them
    counts = np.bincount(np.concatenate(found), minlength=12)
    assert stats.chisquare(counts).pvalue > 0.01


def test_one_cell_has_the_row_s_metrics_and_all_cells_no_spread(fake):
    fake.add(ROWS, seeds=4).predict()
    table = table_of(fake)
    own = [each for each in table.ensembles if each.row == "dropout"]
    assert [(each.k, each.n, each.subsets, each.total) for each in own] == [
        (1, 4, 4, 4),
        (2, 4, 6, 6),
        (3, 4, 4, 4),
        (4, 4, 1, 1),
    ]
    row = table.rows[1]
    assert own[0].error.mean == pytest.approx(100 - row.sample.mean)
    assert own[0].error.std == pytest.approx(row.sample.std)
    assert (own[0].error.members, own[0].above) == (pytest.approx(own[0].error.mean), 0)
    assert own[3].error.std is None and own[3].error.least == own[3].error.most == own[3].error.mean
    assert all(each.nll.members == pytest.approx(own[0].nll.mean) for each in own)


def test_only_the_sizes_that_are_asked_for_and_a_row_has(fake):
    fake.add(ROWS, seeds=3).predict()
    fake.of("dropout")[0]["status"] = "failed"
    found = table_of(fake, [1, 3, 10]).ensembles
    assert [(each.row, each.k, each.n, each.planned) for each in found] == [
        ("baseline", 1, 3, 3),
        ("baseline", 3, 3, 3),
        ("dropout", 1, 2, 3),
    ]
    text = formats.markdown(table_of(fake, [1, 3, 10]))
    assert "K = 10" in text and "| 2/3 |" in text.replace("  ", " ").replace("  ", " ")


def test_the_weights_are_those_of_the_headline(fake):
    fake.about["metric"] = "test/acc_best"
    fake.add(ROWS, seeds=2).predict()
    for cell in fake.cells:
        cell["predictions"]["best"] = -cell["predictions"]["last"]
        cell["result"]["metrics"]["test/acc_best"] = 0.0
    assert table_of(fake).ensembles[0].error.mean > 90


def test_cells_tested_on_other_images_are_not_averaged(fake):
    fake.add(ROWS, seeds=2).predict()
    moved = fake.of("dropout")[1]["predictions"]
    moved["targets"] = (moved["targets"] + 1) % 10
    table = table_of(fake)
    assert {each.row for each in table.ensembles} == {"baseline"}
    assert "“dropout”" in formats.markdown(table).partition("## Ensembles")[2]


def test_without_predictions_there_are_none_and_a_note_says_why(fake):
    table = table_of(fake.add(ROWS, seeds=2))
    assert table.ensembles == [] and ensemble.draw(table) is None
    assert any(note.startswith("No ensembles") for note in notes(table))


def test_they_are_in_table_page_and_json(fake):
    fake.add(ROWS, seeds=3).predict()
    table = table_of(fake)
    page = write("demo", fake.outputs).paths[-1].read_text()
    for text in (formats.markdown(table), page):
        assert "Ensembles" in text and "no confidence interval" in text
    told = json.loads(formats.as_json(table))["ensembles"]
    assert [(each["row"], each["k"]) for each in told] == [(row, k) for row in ROWS for k in (1, 2, 3)]
    assert set(told[0]["brier"]) == {"mean", "std", "least", "most", "members"}
    assert "figure_ensemble.png" in page


def test_unasked_nothing_is_read_or_said(fake):
    fake.add(ROWS, seeds=2).predict()
    for asked in (None, False):
        table = table_of(fake, asked)
        assert table.ensembles == [] and "nsemble" not in formats.markdown(table)


@pytest.mark.parametrize("asked", [0, "all", [], [0], [1, "2"], [1.5], [True], {"k": 1}])
def test_what_is_no_list_of_sizes_is_refused(asked):
    with pytest.raises(UserError, match=r"ablation\.ensemble is true or a list of sizes"):
        check(asked)
