"""Rows of which not every seed trained: counted, compared by Fisher's test, kept out of what others share."""

import csv
import io
import json
from pathlib import Path

import pytest

from dropgrid.errors import UserError
from dropgrid.planning.rows import check_questions
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import csv as csv_format
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

ROOT = Path(__file__).parents[2]
ROWS = ["baseline", "dropout", "drop_path", "dropblock_last"]


def table(fake, failing=3, seeds=5, row="dropout", **about):
    """A table in which some seeds of a row end at chance."""
    fake.about.update(about)
    fake.add(ROWS, seeds=seeds)
    for cell in fake.cells:
        cell["result"]["chance"] = 0.1
    for cell in fake.of(row)[:failing]:
        cell["result"]["metrics"].update({"test/acc_last": 0.1, "train/acc": 0.11})
    fake.write()
    return tabulate(read("demo", fake.outputs))


def test_a_bimodal_row_is_counted_and_has_no_interval(fake):
    found = table(fake)
    row = next(row for row in found.rows if row.name == "dropout")
    assert (row.trained.count, row.trained.n) == (2, 5) and row.comparison is None
    assert row.sample.ci95 is None and row.difference.ci95 is None and row.welch is None
    assert row.verdict == "open" and row.trained.interval == pytest.approx((0.0527, 0.8534), abs=1e-4)
    assert row.trained.sample.mean > 90 and row.trained.sample.n == 2
    (note,) = [each for each in table_notes(found) if each.startswith("2 of 5 seeds of “dropout” trained")]
    assert "those have 95.5" in note and row.trained.decides == 5
    few = table(fake.__class__(fake.outputs), failing=2, seeds=4)
    assert any("4 seeds a row cannot decide, 5 could" in each for each in table_notes(few))
    told = json.loads(json_format.render(found))["rows"][1]
    assert told["trained"]["count"] == 2 and told["verdict"] == "open"
    lines = list(csv.DictReader(io.StringIO(csv_format.render(found))))
    flat = next(line for line in lines if line["row"] == "dropout")
    low, high = row.trained.interval
    assert [float(flat[f"trained_interval_{end}"]) for end in ("low", "high")] == [low, high]
    assert flat["trained_count"] == "2" and float(flat["outperforms"]) == row.outperforms[0]
    assert not [each for line in lines for each in line.values() if each.startswith(("{", "["))]


def test_no_interval_reaches_beyond_what_accuracy_can_be(fake):
    fake.add(ROWS, seeds=4)
    for cell in fake.cells:
        cell["result"]["chance"] = 0.1
    for cell, accuracy, trained in zip(fake.of("dropout"), (0.1, 0.95, 0.99, 1.0), (0.11, 1, 1, 1), strict=True):
        cell["result"]["metrics"].update({"test/acc_last": accuracy, "train/acc": trained})
    found = tabulate(read(fake.write(), fake.outputs))
    low, high = json.loads(json_format.render(found))["rows"][1]["trained"]["sample"]["ci95"]
    assert 90 < low < 98 and high == 100.0


def test_no_interval_of_a_difference_reaches_beyond_what_one_can_be(fake):
    fake.about["contrasts"] = {"both": "dropout - baseline"}
    fake.add(["baseline", "dropout"], seeds=3)
    for cell, accuracy in zip(fake.of("dropout"), (0.3, 0.9, 1.0), strict=True):
        cell["result"]["metrics"]["test/acc_last"] = accuracy
    for cell, accuracy in zip(fake.of("baseline"), (1.0, 0.2, 0.1), strict=True):
        cell["result"]["metrics"]["test/acc_last"] = accuracy
    found = json.loads(json_format.render(tabulate(read(fake.write(), fake.outputs))))
    row, (contrast,) = found["rows"][1], found["contrasts"]
    assert row["delta_ci95"] == [-100, 100] and max(map(abs, row["welch_ci95"])) <= 100
    assert contrast["ci95"] == [-100, 100]


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*/table.json")), ids=lambda path: path.parent.name)
def test_none_of_a_published_row_does(path):
    rows = json.loads(path.read_text())["rows"]
    found = [row[key] for row in rows for key in ("delta_ci95", "welch_ci95")]
    found += [row["simultaneous"][key] for row in rows if row["simultaneous"] for key in ("ci95", "inner")]
    assert all(max(map(abs, each)) <= 100 for each in found if each)


def test_other_rows_keep_their_intervals_and_the_family_its_size(fake):
    whole, found = table(fake, failing=0), table(fake.__class__(fake.outputs), failing=3)
    for before, after in zip(whole.rows, found.rows, strict=True):
        if after.name in ("drop_path", "dropblock_last"):
            assert after.comparison.family == before.comparison.family == 3
            assert after.comparison.error < 2 * before.comparison.error  # not the spread of 0.1 beside 0.95


def test_with_enough_seeds_fishers_test_decides(fake):
    found = table(fake, failing=8, seeds=8)
    row = next(row for row in found.rows if row.name == "dropout")
    assert row.verdict == "below" and row.trained.p_value < 0.001


def test_a_baseline_that_fails_is_below(fake):
    found = table(fake, failing=8, seeds=8, row="baseline")
    assert [row.verdict for row in found.rows] == [None, "above", "above", "above"]
    assert found.rows[0].trained.count == 0 and found.rows[0].trained.sample.mean is None


def test_claims_about_such_rows_are_judged_by_the_counts(fake):
    claims = ["baseline - dropout > 0", "dropout - baseline > 5", "drop_path - baseline < 50"]
    found = table(fake, failing=8, seeds=8, claims=claims)
    assert [each.outcome for each in found.claims] == ["holds", "open", "holds"]


def test_the_limit_is_the_ablations_own(fake):
    found = table(fake, failing=0, trained=99.95)
    assert all(row.trained is None or row.trained.count == 0 for row in found.rows)
    assert any("99.95 %" in each for each in table_notes(found))


def test_without_a_known_chance_every_seed_that_did_not_diverge_trained(fake):
    fake.add(ROWS)
    for cell in fake.of("dropout")[:2]:
        cell["result"]["metrics"]["train/acc"] = 0.1
    fake.of("drop_path")[0]["result"]["diverged"] = True
    fake.write()
    found = {row.name: row.trained for row in tabulate(read("demo", fake.outputs)).rows}
    assert found["dropout"] is None and found["drop_path"].count == 4


@pytest.mark.parametrize(("key", "value"), [("trained", 100), ("trained", 0), ("trained", "x"), ("margin", -1)])
def test_what_cannot_be_a_rule_is_refused(key, value):
    with pytest.raises(UserError, match=f"ablation.{key} must be"):
        check_questions({key: value}, {"a": [], "b": []})
