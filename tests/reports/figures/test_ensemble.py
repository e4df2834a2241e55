"""figure_ensemble.png: error and NLL against K, a line a row."""

import pytest

from dropgrid.reports.figures import ensemble
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ROWS = ["baseline", "dropout"]


def drawn(fake, asked=True):
    fake.about["ensemble"] = asked
    table = tabulate(read(fake.write(), fake.outputs))
    return table, ensemble.draw(table)


def of(table, row, which, part):
    return [getattr(getattr(each, which), part) for each in table.ensembles if each.row == row]


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
    found = [each for each in table.ensembles if each.k < 4]
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
