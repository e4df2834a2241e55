"""Older results beside ours."""

import json

import pytest

from dropgrid.cli.report import main
from dropgrid.errors import UserError
from dropgrid.reports import external_results
from dropgrid.reports.formats import csv as csv_format
from dropgrid.reports.formats import latex, markdown
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import load, read


@pytest.fixture
def ours(fake):
    fake.add(["baseline", "dropout"], seeds=3).write()
    return fake


def run(fake, *arguments):
    return main(["demo", *map(str, arguments), f"paths.outputs={fake.outputs}"])


def rows_of(fake):
    return json.loads((fake.outputs / "ablations/demo/table.json").read_text())["rows"]


def file(folder, text, name="runs.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_rows_of_a_file_stand_at_the_end_without_a_verdict_and_stay_until_forgotten(ours, tmp_path, capsys):
    path = file(tmp_path, "row,seed,note,accuracy\nold,0,x,0.95\nold,1,y,0.96\ndropout,0,z,0.9\n")
    assert run(ours, "--import", path) == 0
    path.unlink()
    write_report("demo", ours.outputs)
    rows = rows_of(ours)
    assert [row["row"] for row in rows] == ["baseline", "dropout", "old (imported)", "dropout (imported)"]
    old = rows[2]
    assert (old["n"], old["mean"], old["verdict"], old["withheld"]) == (2, pytest.approx(95.5), None, "imported")
    assert "old (imported)" in (ours.outputs / "ablations/demo/report.html").read_text()
    assert run(ours, "--forget", "runs.csv") == 0
    assert len(rows_of(ours)) == 2
    assert run(ours, "--forget", "runs.csv") == 2
    assert "runs.csv was not imported; imported are: none" in capsys.readouterr().err


def test_a_file_of_the_same_name_with_other_lines_is_refused_until_the_first_is_forgotten(ours, tmp_path, capsys):
    first, second = (tmp_path / name for name in ("a", "b"))
    first.mkdir()
    second.mkdir()
    path = file(first, "row,seed,accuracy\nold,0,0.95\n", "runs.txt")
    other = file(second, "row,seed,accuracy\nolder,0,0.95\n")
    assert run(ours, "--import", path) == run(ours, "--import", path) == 0
    assert run(ours, "--import", other) == 2
    assert "runs.csv was imported with other lines: --forget runs.csv first" in capsys.readouterr().err
    assert [row["row"] for row in rows_of(ours)][2:] == ["old (imported)"]
    assert run(ours, "--forget", "runs.txt") == run(ours, "--import", other) == 0
    assert [row["row"] for row in rows_of(ours)][2:] == ["older (imported)"]


def test_our_rows_are_what_they_were(ours, tmp_path):
    write_report("demo", ours.outputs)
    before = rows_of(ours)
    run(ours, "--import", file(tmp_path, "row,seed,accuracy_percent\nold,0,91.5\nold,1,99\nold,2,99\n"))
    assert rows_of(ours)[:2] == before


def test_what_load_writes_comes_back_as_it_was(ours, tmp_path):
    for lr in ("0.05", "0.1"):
        ours.cells.clear() if lr == "0.05" else None
        ours.add(["baseline", "dropout"], seeds=3, factors={"optimizer.lr": lr})
    ours.of("dropout")[0]["status"] = "failed"
    ours.write()
    path = tmp_path / "all.csv"
    load("demo", ours.outputs).to_csv(path)
    assert run(ours, "--import", path) == 0
    rows = {(row["row"], row["factors"]["optimizer.lr"]): row for row in rows_of(ours)}
    assert len(rows) == 8
    for (name, lr), row in rows.items():
        if "imported" not in name:
            again = rows[f"{name} (imported)", lr]
            assert (again["n"], again["mean"]) == (row["n"], pytest.approx(row["mean"]))


def test_a_difference_is_given_only_for_the_baseline_s_seeds(ours, tmp_path):
    text = "row,seed,accuracy\n" + "".join(f"same,{seed},0.97\nothers,{seed + 1},0.97\n" for seed in range(3))
    run(ours, "--import", file(tmp_path, text))
    same, others = rows_of(ours)[2:]
    assert same["delta"] == pytest.approx(97 - rows_of(ours)[0]["mean"]) and others["delta"] is None


def test_the_note_names_file_and_rows_and_what_was_left_out(ours, tmp_path):
    path = file(tmp_path, "row,seed,accuracy\nold,0,0.95\nold,1,\n")
    folder = ours.outputs / "ablations/demo"
    ablation = read("demo", ours.outputs)
    external_results.import_results(path, ablation, folder)
    (note,) = external_results.import_notes(external_results.add_imported_rows(tabulate(ablation), folder))
    assert note.startswith("Imported from runs.csv: “old”. Neither the configs nor the drop rates")
    assert note.endswith("Lines without a number, left out: 1.")
    assert external_results.import_notes(tabulate(ablation)) == []


def test_two_files_may_name_the_same_row(ours, tmp_path):
    for name in ("a.csv", "b.csv"):
        run(ours, "--import", file(tmp_path, "row,seed,accuracy\nold,0,0.95\n", name))
    assert [row["row"] for row in rows_of(ours)[2:]] == ["old (imported)", "old (imported, b.csv)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "runs.csv lacks the column row; it has: none"),
        ("row,accuracy\na,1\n", "runs.csv lacks the column seed; it has: row, accuracy"),
        ("row,seed,acc\na,0,1\n", r"lacks the column test/acc_last \(or accuracy, or accuracy_percent\)"),
        ("row,seed,accuracy\na,0,0.9\na,0,0.8\n", "line 3: row 'a' has seed 0 already, in line 2"),
        ("row,seed,accuracy\na,0,0.9\na,1,much\n", "line 3: accuracy is a number, got 'much'"),
        ("row,seed,accuracy\na,zero,0.9\n", "line 2: a seed is a whole number, got 'zero'"),
        ("row,seed,accuracy\na,0,93.1\n", "line 2: accuracy lies between 0 and 1, got 93.1; percent stand in"),
        ("row,seed,accuracy\n,0,0.9\n", "line 2: no row is named"),
        ("row,seed,accuracy\na,0,\n", "has no line with a number in accuracy"),
        ("row,seed,accuracy,factor:optimizer.lr\na,0,0.9,1\n", "line 2: no block has the factors optimizer.lr=1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_and_not_kept(ours, tmp_path, text, said):
    folder = ours.outputs / "ablations/demo"
    with pytest.raises(UserError, match=said) as caught:
        external_results.import_results(file(tmp_path, text), read("demo", ours.outputs), folder)
    assert "\n" not in str(caught.value)
    assert external_results.imported_files(folder) == []


def test_a_factor_that_the_file_lacks_is_named(ours, tmp_path):
    ours.cells.clear()
    ours.add(["baseline"], seeds=1, factors={"optimizer.lr": "0.1"}).write()
    with pytest.raises(UserError, match="lacks the column factor:optimizer.lr"):
        external_results.import_results(
            file(tmp_path, "row,seed,accuracy\na,0,0.9\n"), read("demo", ours.outputs), tmp_path
        )


def test_no_such_file_is_a_line(ours, tmp_path, capsys):
    assert run(ours, "--import", tmp_path / "none.csv") == 2
    assert "no file" in capsys.readouterr().err


def test_a_table_with_imported_rows_is_written_in_every_format(ours, tmp_path):
    path = file(tmp_path, "row,seed,accuracy\nold,0,0.95\n")
    folder = ours.outputs / "ablations/demo"
    external_results.import_results(path, read("demo", ours.outputs), folder)
    table = external_results.add_imported_rows(tabulate(read("demo", ours.outputs)), folder)
    for text in (markdown.render(table), latex.render(table), csv_format.render(table)):
        assert "old (imported)" in text


def test_claims_are_judged_as_without_them(ours, tmp_path):
    def claims():
        return json.loads((ours.outputs / "ablations/demo/table.json").read_text())["claims"]

    ours.about["claims"] = ["dropout - baseline > 0"]
    write_report(ours.write(), ours.outputs)
    before = claims()
    assert run(ours, "--import", file(tmp_path, "row,seed,accuracy\nold,0,0.95\n")) == 0
    assert claims() == before and before[0]["comparison"] is not None


def test_a_field_beyond_any_is_a_line(ours, tmp_path, capsys):
    long = file(tmp_path, f'row,seed,accuracy_percent\n"{"x" * 200_000}",0,91.5\n')
    assert run(ours, "--import", long) == 2
    assert "cannot read" in capsys.readouterr().err
