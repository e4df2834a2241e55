"""The whole: files in, files out, and the command."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.cli.report import main
from dropgrid.errors import UserError
from dropgrid.reports.report import write_report

TABLES = ["table.md", "table.csv", "table.tex", "table.json"]
FIGURES = [f"{name}.{kind}" for name in ("figure", "figure_curves", "figure_treatment") for kind in ("png", "pdf")]
KINDS = {".png": b"\x89PNG", ".pdf": b"%PDF"}


def content(paths):
    return {path.name: path.read_bytes() for path in paths}


def test_write_leaves_tables_figures_and_page_and_nothing_else(fake):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    report = write_report(name, fake.outputs)
    assert [path.name for path in report.paths] == [*TABLES, *FIGURES, "report.html"]
    folder = fake.outputs / "ablations" / name
    assert {path.name for path in folder.iterdir()} == {path.name for path in report.paths} | {
        "ablation.json",
        "cells.json",
    }
    assert all((folder / figure).read_bytes().startswith(KINDS[Path(figure).suffix]) for figure in FIGURES)
    assert "dropout" in report.text


def test_writing_twice_gives_the_same_bytes(fake):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    assert content(write_report(name, fake.outputs).paths) == content(write_report(name, fake.outputs).paths)


def test_a_pdf_says_nothing_of_when_and_by_what_it_was_made(fake, monkeypatch):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    before = content(write_report(name, fake.outputs).paths)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")  # another day
    assert content(write_report(name, fake.outputs).paths) == before
    pdf = before["figure.pdf"]
    assert not any(word in pdf for word in (b"/CreationDate", b"/Producer", b"/Creator", b"atplotlib"))
    assert b"/Type3" not in pdf  # outlines that journals refuse


def test_nothing_finished_is_a_report_without_figures_and_removes_old_ones(fake):
    fake.add(["baseline", "dropout"], seeds=2)
    report = write_report(fake.write(), fake.outputs)
    (mine := fake.outputs / "ablations" / "demo" / "figure_mine.png").write_bytes(b"of the user's")
    shutil.rmtree(fake.outputs / "runs")
    assert [path.name for path in write_report("demo", fake.outputs).paths] == [*TABLES, "report.html"]
    assert not any(path.exists() for path in report.paths[4:-1])
    assert mine.exists()


def test_rows_that_are_not_comparable_leave_the_old_report_alone(fake):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    before = content(write_report(name, fake.outputs).paths)
    fake.of("dropout")[0]["config"]["data"]["train"] = 1
    fake.write()
    with pytest.raises(UserError, match=r"data\.train"):
        write_report(name, fake.outputs)
    assert content((fake.outputs / "ablations" / name / file) for file in before) == before


def test_a_file_that_cannot_be_written_is_named(fake):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    (fake.outputs / "ablations" / name / "table.md").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*table\.md"):
        write_report(name, fake.outputs)


def test_a_sweep_without_any_text_has_a_report_too(fake):
    fake.about = {"name": "sweep", "baseline": "regularizer=none", "title": None, "published": None}
    rows = {
        "regularizer=none": (["regularizer=none"], 0.0, []),
        "regularizer=dropout": (["regularizer=dropout"], 0.2, ["head"]),
    }
    report = write_report(fake.add(rows, seeds=2).write(), fake.outputs)
    assert "<h1>sweep</h1>" in report.paths[-1].read_text()


def test_main_prints_table_and_paths(fake, capsys):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    assert main([name, f"paths.outputs={fake.outputs}"]) == 0
    printed = capsys.readouterr().out
    assert " above " in printed or " open " in printed
    assert str(fake.outputs / "ablations" / name / "report.html") in printed


def test_main_reads_the_outputs_folder_of_the_environment(fake, capsys, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(fake.outputs))
    assert main([fake.add(["baseline"], seeds=1).write()]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["dmeo"], "did you mean 'demo'?"), ([], "usage"), (["demo", "other"], "got 2: demo other")],
)
def test_main_says_what_cannot_work_in_a_line_and_exits_with_2(fake, capsys, arguments, said):
    fake.add(["baseline"], seeds=1).write()
    assert main([*arguments, f"paths.outputs={fake.outputs}"]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and "Traceback" not in printed.err and not printed.out


def test_the_script_reports_45_cells_without_a_warning(fake):
    name = fake.add().write()
    script = Path(__file__).parents[2] / "scripts" / "report.py"
    command = [sys.executable, "-W", "error", script, name, f"paths.outputs={fake.outputs}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(script.read_text().splitlines()) <= 30


def test_a_row_that_diverged_says_so(fake, tmp_path):
    fake.add(["baseline", "dropout"])
    for cell in fake.of("dropout")[:2]:
        cell["result"]["diverged"] = True
        cell["result"]["metrics"] |= {"test/nll_last": None, "test/acc_last": 0.1}
    report = write_report(fake.write(), tmp_path)
    assert "Diverged: 2 of 5 cells of “dropout”" in (tmp_path / "ablations" / "demo" / "table.md").read_text()
    assert report.paths
