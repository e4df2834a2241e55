"""Ensembles of a row's cells: which there are, where they are shown, and their figure."""

import json

import numpy as np
import pytest

from dropgrid.errors import UserError
from dropgrid.reports import question
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import markdown
from dropgrid.reports.questions import ensemble
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.statistics.ensembles import ERROR, score_ensembles
from dropgrid.store.ablation import read

ROWS = ["baseline", "dropout"]


def table_of(fake, asked=True):
    fake.about["ensemble"] = asked
    return tabulate(read(fake.write(), fake.outputs))


def test_the_error_of_an_ensemble_may_be_above_its_members_and_that_is_told(fake):
    # two are right by a little where the third is wrong by a lot: each errs once in three, together always
    targets = np.zeros(3, int)
    logits = np.full((3, 3, 2), [0.1, 0.0])
    logits[np.arange(3), np.arange(3)] = [0.0, 9.0]
    ((_, _, values),) = score_ensembles(list(logits), targets, [3])
    assert values[0, 0, ERROR] == 100 and values[0, 1, ERROR] == pytest.approx(100 / 3)
    fake.add(ROWS, seeds=3).predict()
    for cell, each in zip(fake.of("dropout"), logits, strict=True):
        cell["predictions"] |= {"last": each, "targets": targets}
    found = next(each for each in table_of(fake, [3]).answer(ensemble.compute) if each.row == "dropout")
    assert found.above == 1 and found.error.mean == 100 and found.nll.mean < found.nll.members


def test_one_cell_has_the_row_s_metrics_and_all_cells_no_spread(fake):
    fake.add(ROWS, seeds=4).predict()
    table = table_of(fake)
    own = [each for each in table.answer(ensemble.compute) if each.row == "dropout"]
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
    found = table_of(fake, [1, 3, 10]).answer(ensemble.compute)
    assert [(each.row, each.k, each.n, each.planned) for each in found] == [
        ("baseline", 1, 3, 3),
        ("baseline", 3, 3, 3),
        ("dropout", 1, 2, 3),
    ]
    text = markdown.render(table_of(fake, [1, 3, 10]))
    assert "K = 10" in text and "| 2/3 |" in text.replace("  ", " ").replace("  ", " ")


def test_the_weights_are_those_of_the_headline(fake):
    fake.about["metric"] = "test/acc_best"
    fake.add(ROWS, seeds=2).predict()
    for cell in fake.cells:
        cell["predictions"]["best"] = -cell["predictions"]["last"]
        cell["result"]["metrics"]["test/acc_best"] = 0.0
    assert table_of(fake).answer(ensemble.compute)[0].error.mean > 90


def test_cells_tested_on_other_images_are_not_averaged(fake):
    fake.add(ROWS, seeds=2).predict()
    moved = fake.of("dropout")[1]["predictions"]
    moved["targets"] = (moved["targets"] + 1) % 10
    table = table_of(fake)
    assert {each.row for each in table.answer(ensemble.compute)} == {"baseline"}
    assert "“dropout”" in markdown.render(table).partition("## Ensembles")[2]


def test_without_predictions_there_are_none_and_a_note_says_why(fake):
    table = table_of(fake.add(ROWS, seeds=2))
    assert table.answer(ensemble.compute) == [] and question.question_figure("ensemble", table) is None
    assert any(note.startswith("No ensembles") for note in table_notes(table))


def test_they_are_in_table_page_and_json(fake):
    fake.add(ROWS, seeds=3).predict()
    table = table_of(fake)
    page = write_report("demo", fake.outputs).paths[-1].read_text()
    for text in (markdown.render(table), page):
        assert "Ensembles" in text and "no confidence interval" in text
    told = json.loads(json_format.render(table))["ensembles"]
    assert [(each["row"], each["k"]) for each in told] == [(row, k) for row in ROWS for k in (1, 2, 3)]
    assert set(told[0]["brier"]) == {"mean", "std", "least", "most", "members"}
    assert "figure_ensemble.png" in page


def test_unasked_nothing_is_read_or_said(fake):
    fake.add(ROWS, seeds=2).predict()
    for asked in (None, False):
        table = table_of(fake, asked)
        assert table.answer(ensemble.compute) == [] and "nsemble" not in markdown.render(table)


@pytest.mark.parametrize("asked", [0, "all", [], [0], [1, "2"], [1.5], [True], {"k": 1}])
def test_what_is_no_list_of_sizes_is_refused(asked):
    with pytest.raises(UserError, match=r"ablation\.ensemble is true or a list of sizes"):
        ensemble.check(asked, {})


def drawn(fake, asked=True):
    fake.about["ensemble"] = asked
    table = tabulate(read(fake.write(), fake.outputs))
    return table, question.question_figure("ensemble", table)


def of(table, row, which, part):
    return [getattr(getattr(each, which), part) for each in table.answer(ensemble.compute) if each.row == row]


def joined(axes):
    return [line for line in axes.lines if len(set(line.get_xdata())) > 1]


def test_a_line_a_row_and_dotted_its_members(fake):
    table, figure = drawn(fake.add(ROWS, seeds=4).predict())
    for axes, which in zip(figure.axes, ("error", "nll"), strict=True):
        lines = joined(axes)
        expected = [of(table, row, which, part) for row in ROWS for part in ("members", "mean")]
        assert [list(line.get_ydata()) for line in lines] == [pytest.approx(each) for each in expected]
        assert all(list(line.get_xdata()) == [1, 2, 3, 4] for line in lines)


def test_a_bar_is_a_standard_deviation_over_subsets_each_way_and_all_cells_have_none(fake):
    table, figure = drawn(fake.add(["baseline"], seeds=4).predict())
    (error, _) = figure.axes
    bars = [line for line in error.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
    found = [each for each in table.answer(ensemble.compute) if each.k < 4]
    assert [line.get_xdata()[0] for line in bars] == [1, 2, 3]
    assert [tuple(line.get_ydata()) for line in bars] == [
        pytest.approx((each.error.mean - each.error.std, each.error.mean + each.error.std)) for each in found
    ]
    low, high = error.get_ylim()
    assert all(low < end < high for line in bars for end in line.get_ydata())


def test_the_caption_says_that_subsets_are_not_independent_and_which_were_taken(fake):
    _, figure = drawn(fake.add(["baseline"], seeds=4).predict())
    caption = " ".join(figure.texts[-1].get_text().split())
    assert "not independent" in caption and "no confidence intervals" in caption and "at random" not in caption
    fake.cells = []
    _, figure = drawn(fake.add(["baseline"], seeds=12).predict(50), [6])
    assert "200 of them at random" in " ".join(figure.texts[-1].get_text().split())


def test_a_row_that_lacks_cells_has_open_marks(fake):
    fake.add(ROWS, seeds=3).predict()
    fake.of("dropout")[0]["status"] = "failed"
    _, figure = drawn(fake)
    marks = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "")]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False] * 3 + [True] * 2
    assert "cells are missing" in " ".join(figure.texts[-1].get_text().split())


def test_a_block_is_a_pair_of_panels_and_one_size_is_drawn_too(fake):
    for lr in ("0.05", "0.1"):
        fake.add(ROWS, seeds=2, factors={"optimizer.lr": lr})
    _, figure = drawn(fake.predict(50), [2])
    assert len(figure.axes) == 4 and list(figure.axes[0].get_xticks()) == [2]
