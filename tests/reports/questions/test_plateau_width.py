"""Widths of plateaus: of which series there are any, and where they are shown."""

import json

import numpy as np
import pytest

from dropgrid.reports import question
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import markdown
from dropgrid.reports.questions import plateau_width
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.statistics import plateaus
from dropgrid.store.ablation import read

VALUES = (0.5, 0.6, 0.8, 0.95)


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def swept(fake, names, **figure):
    """A baseline, and a row a value of keep_prob for each series."""
    rows = {"baseline": (["regularizer=none"], 0.0, [])}
    for name in names:
        rows |= {f"{name} keep_prob={value}": ([f"regularizer={name}"], value, ["head"]) for value in VALUES}
    fake.add(rows, seeds=3)
    for cell in fake.cells:
        if "=" in cell["line"]["row"]:
            cell["config"]["regularizer"]["keep_prob"] = float(cell["line"]["row"].rpartition("=")[2])
    fake.about = {**fake.about, "figure": {"x": "regularizer.keep_prob", **figure}}
    return fake


def test_widths_are_those_of_each_seed_of_the_complete_series(fake):
    swept(fake, names=("dropout", "dropblock"), within=0.5).of("dropblock keep_prob=0.6")[0]["status"] = "failed"
    table = table_of(fake)
    (found,) = table.answer(plateau_width.compute)
    rows = [row for row in table.rows if row.name.startswith("dropout ")]
    best = int(np.argmax([row.metrics["val/acc_last"] for row in rows]))
    curves = [[row.accuracies[seed] for row in rows] for seed in range(3)]
    values = [plateaus.plateau_width(VALUES, curve, curve[best] - 0.5) for curve in curves]
    assert (found.series, found.tried, found.sample.n) == ("dropout", (0.5, 0.95), 3)
    assert found.sample.mean == pytest.approx(np.mean(values))
    assert found.sample.std == pytest.approx(np.std(values, ddof=1))
    assert (
        "Not computed, incomplete, flagged or without validation: “dropblock”"
        in question.question_section("plateau_width", table).note
    )


def test_the_level_is_that_of_the_value_chosen_on_validation_and_not_of_the_best_on_test(fake):
    swept(fake, names=("dropout",), within=0.5)
    for cell in fake.cells[3:]:
        value = float(cell["line"]["row"].rpartition("=")[2])
        cell["result"]["metrics"]["test/acc_last"] = {0.5: 0.95, 0.6: 0.90, 0.8: 0.90, 0.95: 0.90}[value]
        cell["result"]["metrics"]["val/acc_last"] = 0.8 + 0.1 * (value == 0.8)
    (found,) = table_of(fake).answer(plateau_width.compute)
    assert found.sample.mean == pytest.approx(0.45)  # all of it; against the best on test, next to nothing
    for cell in fake.cells:
        del cell["result"]["metrics"]["val/acc_last"]
    assert table_of(fake).answer(plateau_width.compute) == []


def test_widths_stand_in_markdown_json_and_page_beneath_the_lines(fake):
    swept(fake, names=("dropout",), within=0.5)
    table = table_of(fake)
    (line,) = json.loads(json_format.render(table))["widths"]
    assert (line["series"], line["within"], line["range"]) == ("dropout", 0.5, [0.5, 0.95])
    assert "## Width of keep_prob within 0.5 points of the value chosen on validation" in markdown.render(table)
    page = write_report("demo", fake.outputs).paths[-1].read_text()
    assert page.index("(figure_lines.png,") < page.index("Width of keep_prob") < page.index("(figure_curves.png,")


def test_without_within_or_without_a_figure_there_are_no_widths(fake):
    table = table_of(swept(fake, names=("dropout",)))
    assert json.loads(json_format.render(table))["widths"] == []
    assert "Width" not in markdown.render(table)
    del fake.about["figure"]
    assert table_of(fake).answer(plateau_width.compute) == []
