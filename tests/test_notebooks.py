"""The notebooks of examples, their code run as a script: a line `!command` is a command that must succeed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))

SCRIPT = f"""#!{sys.executable}
import sys
from dropgrid.cli.dispatch import main
if __name__ == "__main__":  # processes that a command starts import this file
    sys.exit(main())
"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    found = json.loads(path.read_text())
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids) and found["cells"][0]["cell_type"] == "markdown"
    code = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 2 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_links_lead_somewhere():
    texts = {
        path: "".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]) for path in NOTEBOOKS
    }
    links = [(path, each) for path, text in texts.items() for each in re.findall(r"\]\(([^)#]+)[^)]*\)", text)]
    assert len(links) >= len(NOTEBOOKS) == 3
    assert all((path.parent / each).exists() for path, each in links)


@pytest.fixture
def run(tmp_path):
    """Runs a notebook's code in a folder beside a link to the examples; returns what it printed."""

    def run(name):
        cells = json.loads((ROOT / "examples" / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        shell = "__import__('subprocess').run({!r}, shell=True, check=True)"
        code = re.sub(r"^!(.*)$", lambda line: shell.format(line[1]), code, flags=re.MULTILINE)
        place = tmp_path / "notebooks"
        place.mkdir()
        (place / "notebook.py").write_text(code)
        (tmp_path / "own_method").symlink_to(ROOT / "examples" / "own_method")
        command = tmp_path / "bin" / "dropgrid"  # as pip writes it; this checkout's, whatever is installed
        command.parent.mkdir()
        command.write_text(SCRIPT)
        command.chmod(0o755)
        around = {key: value for key, value in os.environ.items() if not key.startswith("DROPGRID_")}
        around |= {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
        around |= {"DROPGRID_OUTPUTS": str(tmp_path / "outputs"), "COLUMNS": "120"}
        line = [sys.executable, "notebook.py"]
        done = subprocess.run(line, cwd=place, env=around, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_csv_is_compared(run):
    out = run("compare_csv")
    assert "0.1 {'dropout': 'open', 'dropblock': 'above'}" in out
    assert "1.0 {'dropout': 'equal', 'dropblock': 'above'}" in out
    assert "unpaired (Welch) for other seeds than the baseline's: dropblock" in out


@pytest.mark.slow
def test_a_first_ablation(run):
    out = run("first_ablation")
    assert "6 cells, 6 to train" in out and "6 of 6 done" in out
    assert "none n=3" in out and "claim: dropblock - none > 0 - " in out and "realised" in out


@pytest.mark.slow
def test_a_module_of_ones_own(run):
    out = run("own_module")
    assert "6 of 6 done" in out and "RowDropout" in out
    (line,) = re.findall(r"^row_dropout [\d.]+ % \w+ ([\d.]+) ([\d.]+)$", out, re.MULTILINE)
    assert float(line[0]) == pytest.approx(10) and float(line[1]) == pytest.approx(10, abs=2)
