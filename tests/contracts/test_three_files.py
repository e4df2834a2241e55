"""docs/add_a_regularizer.md, followed literally: its files are added to a copy, whose own contract tests find them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
