"""What `dropgrid guide` says is so; its command lines are run by tests/docs/test_commands.py."""

import json
import re
import tomllib
from pathlib import Path

from dropgrid import build
from dropgrid.cli.guide import GUIDE, VERSION, main
from dropgrid.dry_build import dry_build
from dropgrid.planning.plan import plans
from dropgrid.reports.claim_results import GONE, HOLDS, INCOMPLETE, REFUTED
from dropgrid.reports.published import OTHER, SAME
from dropgrid.statistics.samples import ABOVE, BELOW, EQUAL, OPEN

ROOT = Path(__file__).parents[2]
TEXT = GUIDE.read_text()


def test_it_is_printed_with_its_version_on_80_columns(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert printed == f"# dropgrid guide, version {VERSION} (dropgrid {package})\n\n{TEXT}"
    assert max(map(len, printed.splitlines())) <= 80 and len(printed.splitlines()) < 200
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["text"]) == (VERSION, printed)


def test_the_words_of_verdicts_are_the_reports():
    verdicts = {ABOVE, BELOW, EQUAL, OPEN, HOLDS, REFUTED, INCOMPLETE, GONE}
    assert {*re.findall(r"\*\*([a-z]+)\*\*", TEXT)} == verdicts | {SAME, OTHER}


def test_the_fields_it_names_are_documented():
    """Which tests/docs/test_json.py compares with what is printed."""
    page = (ROOT / "docs" / "json.md").read_text()
    documented = {each.removesuffix(".*") for each in re.findall(r"`([\w\[\].*]+)`", page)}
    named = {each for each in re.findall(r"`([a-z]+\[\]\.\w+|simultaneous\.\w+|\w+_\w+)`", TEXT)}
    assert len(named) > 12
    assert not {each for each in named if not any(f".{each}." in f".{key}." for key in documented)}


def test_its_ablation_is_planned(tmp_path, monkeypatch):
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "ablation").mkdir()
    (tmp_path / "ablation" / "mine.yaml").write_text(text)
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path / "outputs"))
    (plan,) = plans(["+ablation=mine"])
    assert len(plan.cells) == 10 and plan.about["claims"] == ["dropblock - none > 0"]
    cell = plan.cells[-1]
    dry_build(cell.config, cell.local, build.source(cell.config, cell.local).spec())
