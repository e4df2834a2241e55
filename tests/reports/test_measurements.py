"""Evaluations in a report: columns, statistics, files."""

import csv
import json

import pytest

from dropgrid.reports.columns import table_columns
from dropgrid.reports.formats import csv as csv_format
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats.evaluation_lines import evaluation_tables
from dropgrid.reports.formats.terminal import plain_text
from dropgrid.reports.measurements import order_metrics
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import load, read

HEADINGS = {"gaussian_noise_0.1": ["Gaussian noise σ = 0.1", "%"], "nll": ["NLL", "nats"]}


def evaluate(fake, row, values, label="corruption", metric="gaussian_noise_0.1"):
    """Leave a value on each cell of a row that has one."""
    for cell, value in zip(fake.of(row), values, strict=False):
        fake.asked(label)
        folder = fake.outputs / "runs" / cell["line"]["cell"] / "evaluations"
        folder.mkdir(exist_ok=True)
        found = {"evaluate": label, "metrics": {metric: value}, "headings": HEADINGS}
        (folder / f"{label}{metric}.json").write_text(json.dumps(found))


@pytest.fixture
def table(fake):
    name = fake.add(["baseline", "dropout", "drop_path"], seeds=3).write()
    evaluate(fake, "baseline", [0.8, 0.7, 0.9])
    evaluate(fake, "dropout", [0.5, 0.7])
    evaluate(fake, "baseline", [0.25, 0.25, 0.25], "calibration[weights=best]", "nll")
    return tabulate(read(name, fake.outputs))


def texts(table, heading):
    (column,) = [column for column in table_columns(table) if column.heading == heading]
    return [column.text(row) for row in table.rows], column.unit


def test_a_column_has_mean_and_deviation_over_the_cells_that_have_it_with_their_n(table):
    shown, unit = texts(table, "Gaussian noise σ = 0.1")
    assert shown == ["80.00 ± 10.00", "60.00 ± 14.14 (n = 2)", "–"] and unit == "%"


def test_what_is_no_share_keeps_its_unit_and_what_is_no_default_is_in_the_heading(table):
    assert texts(table, "NLL (weights=best)") == (["0.250 ± 0.000", "–", "–"], "nats")


def test_the_terminal_leaves_evaluations_out_before_all_else(table):
    narrow, wide = (" ".join(plain_text(table, width).split()) for width in (110, 250))
    assert "Left out on this narrow terminal: Gaussian noise σ = 0.1, NLL (weights=best), keep_prob" in narrow
    assert "Left out" not in wide
    last = max(table_columns(table), key=lambda column: column.rank)
    assert last.heading == "Gaussian noise σ = 0.1"


def test_json_csv_and_frame_have_them(table, fake):
    name = "corruption/gaussian_noise_0.1"
    about = {"heading": "Gaussian noise σ = 0.1", "unit": "percent"}
    rows = json.loads(json_format.render(table))["rows"]
    assert rows[0]["evaluations"][name] == {"n": 3, "mean": 80.0, "std": pytest.approx(10.0), **about}
    assert rows[2]["evaluations"] == {}
    first, second, third = csv.DictReader(csv_format.render(table).splitlines())
    assert (float(first[name]), float(second[f"{name}:n"]), third[name]) == (80.0, 2, "")
    frame = load("demo", fake.outputs)
    assert frame[name].tolist()[:5] == [0.8, 0.7, 0.9, 0.5, 0.7] and frame[name].isna().sum() == 4


def test_a_listing_has_one_evaluation_a_line_a_metric(table):
    (found,) = evaluation_tables(table, "corruption")
    assert found.row_count == 1 and [str(column.header) for column in found.columns][1:] == [
        "baseline",
        "dropout",
        "drop_path",
    ]
    assert evaluation_tables(table, "noise") == []


def test_a_number_that_is_not_finite_is_left_out(fake):
    name = fake.add(["baseline"], seeds=2).write()
    evaluate(fake, "baseline", [float("nan"), 0.5])
    (row,) = tabulate(read(name, fake.outputs)).rows
    assert row.evaluations["corruption/gaussian_noise_0.1"].sample.n == 1


def test_a_report_without_evaluations_has_no_such_columns(fake):
    table = tabulate(read(fake.add(["baseline"], seeds=2).write(), fake.outputs))
    assert all(column.rank < 7 for column in table_columns(table))


def test_levels_stand_side_by_side_in_their_order_whatever_file_they_came_from():
    names = ["b/acc_64", "b/nll_64", "b/plain", "b/acc_8", "b/nll_8", "a/x_0.5", "b/acc_100"]
    found = ["a/x_0.5", "b/acc_8", "b/acc_64", "b/acc_100", "b/nll_8", "b/nll_64", "b/plain"]
    assert order_metrics(names) == found


def test_what_was_measured_for_another_ablation_is_not_shown(fake):
    """A shared cell has it: not this table, unless every row has it and nothing else was asked."""
    fake.add(["baseline", "dropout"], seeds=2).write()
    evaluate(fake, "baseline", [0.8, 0.7])
    (fake.outputs / "ablations/demo/evaluations.json").unlink()
    assert not any(row.evaluations for row in tabulate(read("demo", fake.outputs)).rows)
    evaluate(fake, "dropout", [0.8, 0.7])
    (fake.outputs / "ablations/demo/evaluations.json").unlink()
    assert all(row.evaluations for row in tabulate(read("demo", fake.outputs)).rows)
    fake.asked("noise")
    assert not any(row.evaluations for row in tabulate(read("demo", fake.outputs)).rows)
