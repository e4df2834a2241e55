"""docs/add_a_regularizer.md, followed literally: its files are added to a copy, whose own contract tests find them.

A question of a report is one file, and its test.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.errors import UserError
from dropgrid.planning.rows import check_questions
from dropgrid.reports import questions
from dropgrid.reports.report import write_report

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs" / "add_a_regularizer.md").read_text()
FILES = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""The files that the page shows: path -> text."""


@pytest.fixture
def copy(tmp_path):
    """A checkout with the page's files more."""
    for name in ("src", "conf", "tests", "scripts", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, text in FILES.items():
        assert not (tmp_path / path).exists()
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_the_contracts_find_it_and_the_pages_commands_train_with_it(copy):
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "DROPGRID_OUTPUTS": str(copy / "outputs")}

    def run(*line):
        done = subprocess.run(
            [sys.executable, *line], cwd=copy, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pytests, sweep, signal = re.findall(r"^    python (\S.*)$", PAGE, re.MULTILINE)
    out = run(*pytests.split(), "-v", "-p", "no:cacheprovider")
    assert out.count("half_dropout") >= 10
    assert "half_dropout" in run("scripts/train.py", "--help")
    tiny = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=1", "name=new"]
    assert "6 of 6 done" in run(*sweep.split(), *tiny)
    table = (copy / "outputs/ablations/new/table.json").read_text()
    assert "half_dropout" in table and '"flagged": [\n' not in table
    run(*signal.split(), *tiny[:-1])


def test_the_page_shows_three_files():
    assert [Path(path).parts[0] for path in FILES] == ["src", "conf", "tests"]
    assert all("half_dropout" in path for path in FILES)


QUESTION = '''"""Rows whose mean is above a threshold, as `ablation.threshold` asks: an accuracy in percent."""

from dataclasses import dataclass

from dropgrid.errors import UserError
from dropgrid.plotting.style import empty_figure, place_axes
from dropgrid.reports.section import Section

CAPTION = "Rows above the threshold"


@dataclass(frozen=True)
class Above:
    row: str
    margin: float


def check(asked, rows):
    if not isinstance(asked, int | float):
        raise UserError(f"ablation.threshold is a number, got {asked!r}")


def compute(table):
    asked = table.ablation.about.get("threshold")
    return [] if asked is None else [Above(row.name, row.sample.mean - asked) for row in table.rows]


def section(table, found):
    lines = [["Row", "Margin"], *([each.row, f"{each.margin:.1f}"] for each in found)]
    return Section("Above the threshold", lines, 1, "Margins in points.")


def figure(table, found):
    drawn = empty_figure(3, 2)
    place_axes(drawn, 0.5, 0.5, 2, 1).bar([each.row for each in found], [each.margin for each in found])
    return drawn


def note(table, found):
    return [f"Above the threshold: {sum(each.margin > 0 for each in found)} rows."] if found else []
'''


@pytest.fixture
def threshold(tmp_path, monkeypatch):
    """A question more, in a folder beside that of the package."""
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "threshold.py").write_text(QUESTION)
    monkeypatch.setattr(questions, "__path__", [*questions.__path__, str(tmp_path / "questions")])
    yield
    del sys.modules["dropgrid.reports.questions.threshold"]


@pytest.mark.usefixtures("threshold")
def test_a_question_of_one_file_is_checked_computed_and_shown_everywhere(fake):
    with pytest.raises(UserError, match="threshold is a number, got 'high'"):
        check_questions({"threshold": "high"}, {"baseline": []})
    fake.about["threshold"] = 90
    report = write_report(fake.add(["baseline", "dropout"], seeds=2).write(), fake.outputs)
    folder = report.paths[0].parent
    assert [each["row"] for each in json.loads((folder / "table.json").read_text())["threshold"]] == [
        "baseline",
        "dropout",
    ]
    for file in ("table.md", "report.html"):
        text = (folder / file).read_text()
        assert "Above the threshold" in text and "Margin" in text and "Above the threshold: 2 rows." in text
    assert (folder / "figure_threshold.png").exists()
    assert "Rows above the threshold" in (folder / "report.html").read_text()
    fake.about["threshold"] = None
    fake.write()
    write_report("demo", fake.outputs)
    assert "threshold" not in (folder / "table.md").read_text()
    assert not (folder / "figure_threshold.png").exists()
