"""The table's numbers, what it withholds, and what the notes say."""

import csv
import io
import json

import numpy as np
import pytest
from scipy import stats

from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import csv as csv_format
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.formats import page
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def row_of(table, name):
    return next(row for row in table.rows if row.name == name)


def accuracies(fake, row):
    return [100 * cell["result"]["metrics"]["test/acc_last"] for cell in fake.of(row)]


def test_numbers_are_those_of_the_cells_in_percent_and_points(fake):
    row = row_of(table_of(fake.add()), "dropblock_last")
    own, baseline = accuracies(fake, "dropblock_last"), accuracies(fake, "baseline")
    assert row.sample.mean == pytest.approx(np.mean(own))
    assert row.difference.mean == pytest.approx(np.mean(own) - np.mean(baseline))
    assert row.difference.p_value == pytest.approx(stats.ttest_rel(own, baseline).pvalue)
    assert row.metrics["test/acc_best"] == pytest.approx(np.mean(own) - 0.1)
    assert row.metrics["test/nll_last"] == pytest.approx(0.21)


def test_the_baseline_has_no_difference_and_no_verdict(fake):
    row = row_of(table_of(fake.add(["baseline", "dropout"])), "baseline")
    assert row.baseline and row.difference is None and row.verdict is None and row.withheld is None


def test_each_block_has_its_own_baseline(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout"], factors={"optimizer.lr": lr})
    table = table_of(fake)
    for (_, (baseline, dropout)), lr in zip(table.blocks, ("0.05", "0.1"), strict=True):
        own = {cell["line"]["row"]: [] for cell in fake.cells}
        for cell in fake.cells:
            if cell["line"]["factors"]["optimizer.lr"] == lr:
                own[cell["line"]["row"]].append(100 * cell["result"]["metrics"]["test/acc_last"])
        assert baseline.sample.mean == pytest.approx(np.mean(own["baseline"]))
        assert dropout.difference.mean == pytest.approx(np.mean(own["dropout"]) - np.mean(own["baseline"]))


def test_a_row_that_only_the_interval_of_its_own_shows_is_open(fake):
    apart = {"dropout": [0.05, 0.55, 0.2, 0.5, 0.15], "drop_path": [1.2, -1.2, 0.0, 1.2, -1.2]}
    fake.add(["baseline", *apart])
    for name in ("baseline", *apart):
        for cell, luck, more in zip(fake.of(name), [0.2, 1.1, 0.9, 1.6, 0.4], apart.get(name, [0] * 5), strict=True):
            cell["result"]["metrics"]["test/acc_last"] = (94 + luck + more) / 100
    row = row_of(table_of(fake), "dropout")
    assert row.difference.ci95[0] > 0 > row.comparison.ci95[0]
    assert (row.verdict, row.withheld) == ("open", None)


def test_an_incomplete_row_shows_its_mean_and_withholds_the_rest(fake):
    fake.add(["baseline", "dropout", "drop_path"])
    for cell, status in zip(fake.of("dropout")[3:], ("failed", "pending"), strict=True):
        cell["status"] = status
    table = table_of(fake)
    row = row_of(table, "dropout")
    assert (row.sample.n, row.planned, row.withheld) == (3, 5, "incomplete")
    assert row.sample.mean == pytest.approx(np.mean(accuracies(fake, "dropout")[:3]))
    assert row.sample.std is not None
    assert row.sample.ci95 is None and row.difference is None and row.verdict is None
    assert row_of(table, "drop_path").verdict is not None
    assert any("dropout 3/5 (1 failed, 1 pending)" in note for note in table_notes(table))


def test_an_incomplete_baseline_withholds_every_difference(fake):
    fake.add(["baseline", "dropout"]).of("baseline")[0]["status"] = "running"
    row = row_of(table_of(fake), "dropout")
    assert (row.difference, row.verdict, row.withheld) == (None, None, "baseline incomplete")


def test_one_seed_gives_a_difference_without_interval_and_says_so(fake):
    table = table_of(fake.add(["baseline", "dropout"], seeds=1))
    row = row_of(table, "dropout")
    assert row.difference.mean is not None and row.difference.ci95 is None
    assert (row.verdict, row.withheld) == (None, "one seed")
    assert any(note.startswith("One seed a row") for note in table_notes(table))


def test_a_flagged_site_withholds_the_verdict_and_is_named(fake):
    fake.add(["baseline", "dropout", "dropblock_last"])
    site = fake.of("dropblock_last")[2]["result"]["treatment"]["sites"][0]
    site |= {"flagged": True, "expected": 0.042, "realised": 0.09}
    table = table_of(fake)
    assert row_of(table, "dropblock_last").withheld == "drop-rate check failed"
    assert row_of(table, "dropout").verdict is not None
    assert any("“dropblock_last” at g3.b1.conv1: 4.20 % expected" in note for note in table_notes(table))


def test_many_seeds_flag_what_one_seed_cannot_see(fake):
    fake.add(["baseline", "dropout"])
    for cell in fake.of("dropout"):
        site = cell["result"]["treatment"]["sites"][0]
        site["realised"] = site["expected"] + 3 * site["stderr"]  # 3 a seed, 3 √5 = 6.7 over five
    assert row_of(table_of(fake), "dropout").withheld == "drop-rate check failed"


def test_a_flagged_baseline_withholds_all_verdicts(fake):
    fake.about["baseline"] = "dropout"
    fake.add(["baseline", "dropout"]).of("dropout")[0]["result"]["treatment"]["sites"][0]["flagged"] = True
    assert row_of(table_of(fake), "baseline").withheld == "baseline's drop-rate check failed"


def test_notes_say_that_no_row_beats_the_baseline_exactly_where_none_does(fake):
    fake.add(["baseline", "spatial_dropout", "dropblock_fixed_keep_prob"])
    assert table_notes(table_of(fake))[0] == "No row beats the baseline."
    for cell in fake.of("spatial_dropout"):
        cell["result"]["metrics"]["test/acc_last"] += 0.04
    assert not any("No row beats" in note for note in table_notes(table_of(fake)))


def test_notes_say_what_the_intervals_cover(fake):
    text = " ".join(table_notes(table_of(fake.add())))
    for part in (
        "n = 5 seeds",
        "paired by seed",
        "randomness of training alone",
        "on these test images",
        "all 8 hold together with 95 %",
        "the cells have no predictions to tell more",
        "with 80 % power",
    ):
        assert part in text


def test_notes_name_cells_of_other_source_or_device(fake):
    fake.add(["baseline", "dropout"])
    for cell in fake.of("dropout")[:3]:
        cell["result"]["provenance"]["source"] = "other"
    fake.of("baseline")[0]["result"]["provenance"]["device"] = "NVIDIA H200"
    text = table_notes(table_of(fake))
    assert any(note.startswith("3 of 10 cells were trained by a different version of the code: other") for note in text)
    assert any(note.startswith("1 of 10 cells was trained on another device: NVIDIA H200") for note in text)


def test_notes_name_cells_by_another_version_of_a_module_of_ones_own_among_those_that_reach_it(fake):
    fake.add(["baseline", "dropout"])
    for cell in fake.of("dropout"):
        cell["result"]["provenance"]["modules"] = {"my_lab.losses": "new"}
    assert not any("my_lab" in note for note in table_notes(table_of(fake)))
    fake.of("dropout")[1]["result"]["provenance"]["modules"] = {"my_lab.losses": "old"}
    (note,) = (note for note in table_notes(table_of(fake)) if "my_lab" in note)
    assert note.startswith("1 of 5 cells was trained by a different version of the code, in my_lab.losses: old, ")


def test_notes_name_cells_of_another_instruction_set_and_leave_those_alone_that_did_not_record_it(fake):
    fake.add(["baseline", "dropout"])
    assert not any("instruction set" in note for note in table_notes(table_of(fake)))
    for cell in fake.cells[1:]:
        cell["result"]["provenance"]["capability"] = "AVX512"
    (note,) = (note for note in table_notes(table_of(fake)) if "instruction set" in note)
    assert note == "Trained on one instruction set (AVX512)."
    for cell in fake.of("dropout")[:2]:
        cell["result"]["provenance"]["capability"] = "AVX2"
    note, last = (note for note in table_notes(table_of(fake)) if "instruction set" in note)
    assert last == "Trained on 2 instruction sets (AVX512: 7 cells; AVX2: 2 cells)."
    assert (
        note.startswith("2 of 9 cells were trained with another instruction set") and "AVX2, the rest: AVX512" in note
    )
    assert note.endswith("Rows: dropout.")


def test_notes_name_a_row_that_trained_the_baseline_again(fake):
    fake.add(["baseline", "dropout", "drop_path"])
    for cell, same in zip(fake.of("dropout"), fake.of("baseline"), strict=True):
        cell["result"]["weights"] = same["result"]["weights"]
    text = [note for note in table_notes(table_of(fake)) if "exactly the baseline's weights" in note]
    assert len(text) == 1 and "“dropout”" in text[0]


def test_clamped_blocks_are_named(fake):
    fake.add(["baseline", "dropout"]).of("dropout")[0]["result"]["treatment"]["sites"][0]["clamped"] = True
    assert any("clamped" in note and "“dropout” at head" in note for note in table_notes(table_of(fake)))


def test_rows_of_ten_seeds_have_an_interquartile_mean_of_their_differences(fake):
    few = tabulate(read(fake.add(["baseline", "dropout"], seeds=9).write(), fake.outputs))
    assert not any(row.iqm for row in few.rows)
    table = tabulate(read(type(fake)(fake.outputs).add(["baseline", "dropout"], seeds=10).write(), fake.outputs))
    baseline, row = table.rows
    mean, (low, high) = row.iqm
    assert baseline.iqm is None and mean == pytest.approx(stats.trim_mean([*row.differences.values()], 0.25))
    assert low < mean < high
    lines = list(csv.DictReader(io.StringIO(csv_format.render(table))))
    assert [float(lines[1][key]) for key in ("iqm", "iqm_ci95_low", "iqm_ci95_high")] == [mean, low, high]
    assert "Interquartile mean of differences" in page.render(table, {})
    assert json.loads(json_format.render(table))["rows"][1]["iqm"] == [mean, [low, high]]
