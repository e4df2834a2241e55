"""`dropgrid COMMAND` is the command's own script."""

import json
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from dropgrid.cli import dispatch
from dropgrid.cli.dispatch import main
from dropgrid.json_output import COMMANDS

SCRIPTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]


def test_every_console_script_has_its_word():
    assert SCRIPTS.pop("dropgrid") == "dropgrid.cli.dispatch:main"
    assert SCRIPTS == {f"dropgrid-{each}".replace("_", "-"): f"dropgrid.cli.dispatch:{each}" for each in COMMANDS[:-1]}
    assert COMMANDS[-1] == "guide", "which is new, and needs no name of its own"


@pytest.mark.parametrize("word", ["status", "verify-resume", "verify_resume"])
def test_the_word_runs_the_command_with_the_rest(word, monkeypatch):
    seen = []
    monkeypatch.setattr("sys.argv", ["dropgrid", "overwritten"])
    module = import_module(f"dropgrid.cli.{word.replace('-', '_')}")
    monkeypatch.setattr(module, "main", lambda: seen.append(__import__("sys").argv[1:]) or 7)
    assert main([word, "demo", "--failed"]) == 7 and seen == [["demo", "--failed"]]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_console_script_runs_its_own_command(name, monkeypatch):
    seen = []
    monkeypatch.setattr(dispatch, "import_module", lambda path: SimpleNamespace(main=lambda: seen.append(path) or 3))
    assert getattr(dispatch, name)() == 3 and seen == [f"dropgrid.cli.{name}"]


@pytest.mark.parametrize("json_too", [False, True])
def test_ctrl_c_while_a_command_is_imported_ends_it_as_later(json_too, monkeypatch, capsys):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(dispatch, "import_module", interrupted)
    monkeypatch.setattr("sys.argv", ["plan.py", "+ablation=demo", *["--json"] * json_too])
    assert dispatch.run("plan") == 130
    printed = capsys.readouterr()
    assert printed.err == ""
    if json_too:
        found = json.loads(printed.out)
        assert found == {"schema": "dropgrid.error/1", "exit_code": 130, "message": "interrupted"}
    else:
        assert printed.out == ""


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_names_every_command(words, capsys):
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    for each in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"  {each.replace('_', '-')} ")]
        assert len(line.split()) > 3 and "python" not in line


def test_a_mistyped_word_is_a_line(capsys):
    assert main(["stats", "demo"]) == 2
    assert "did you mean 'status'?; commands: train, plan, " in capsys.readouterr().err
    assert main(["stats", "--json"]) == 2
    assert "'status'" in json.loads(capsys.readouterr().out)["message"]
