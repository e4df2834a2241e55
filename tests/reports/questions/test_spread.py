"""Spread over seeds: what is read, and what is shown of it."""

import json

import numpy as np
import pytest
from drawn import check_drawn

from dropgrid.errors import UserError
from dropgrid.reports import question
from dropgrid.reports.questions import spread
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read
from dropgrid.store.cell import Cell


def test_a_report_has_what_is_asked_for(fake):
    fake.about["spread"] = [1, 15, 99]
    fake.add(rows=["baseline", "dropout"], seeds=6)
    table = tabulate(read(fake.write(), fake.outputs))
    assert [(each.row, each.epoch, each.n) for each in table.answer(spread.compute)] == [
        ("baseline", 1, 6),
        ("dropout", 1, 6),
        ("baseline", 15, 6),
        ("dropout", 15, 6),
    ]
    own = [100 * cell["curve"][0]["val/acc"] for cell in fake.of("dropout")]
    assert table.answer(spread.compute)[1].std == pytest.approx(np.std(own, ddof=1))
    assert table.answer(spread.compute)[0].ratio is None and table.answer(spread.compute)[1].ratio > 0
    write_report(fake.about["name"], fake.outputs)
    folder = fake.outputs / "ablations" / fake.about["name"]
    assert "## Spread over seeds" in (folder / "table.md").read_text()
    assert len(json.loads((folder / "table.json").read_text())["spreads"]) == 4
    check_drawn(folder / "figure_spread.png")


def test_a_curve_is_read_once_however_many_epochs_it_has(fake, monkeypatch):
    fake.about["spread"] = [1, 2]
    table = tabulate(read(fake.add(["baseline", "dropout"], seeds=3).write(), fake.outputs))
    asked = []
    monkeypatch.setattr(Cell, "curve", lambda cell, column: asked.append(cell.id) or {0: 0.5, 1: 0.6, 2: 0.7})
    assert len(spread.compute(table)) == 4 and len(asked) == 6
    lines = spread.spread_panels(table.ablation.blocks[0], ["baseline", "dropout"], table.ablation.task)
    assert len(lines) == 2 and len(asked) == 12


def test_nothing_asked_nothing_drawn(fake):
    assert question.question_figure("spread", tabulate(read(fake.add(seeds=3).write(), fake.outputs))) is None


@pytest.mark.parametrize("asked", [[], [0], [True], "12", 3, [1.5]])
def test_what_is_no_list_of_epochs_is_refused(asked):
    with pytest.raises(UserError, match="a list of epochs"):
        spread.check(asked, {})


def test_a_ratio_is_of_the_seeds_that_both_rows_have(fake):
    fake.about["spread"] = [1]
    fake.add(rows=["baseline", "dropout"], seeds=6)
    fake.of("dropout")[0]["status"] = "failed"
    row = tabulate(read(fake.write(), fake.outputs)).answer(spread.compute)[1]
    own, other = ([100 * cell["curve"][0]["val/acc"] for cell in fake.of(name)[1:]] for name in ("dropout", "baseline"))
    assert row.n == 5 and row.ratio == pytest.approx(np.std(own) / np.std(other))
