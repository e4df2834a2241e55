"""What the small commands share."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.commands import command_parser, run_command
from dropgrid.errors import UserError

SCRIPTS = Path(__file__).parents[1] / "scripts"
COMMANDS = ["report", "status", "clean", "merge"]


def command(act, *given):
    expected = command_parser("some", "What it does.")
    expected.add_argument("name", metavar="NAME", nargs="?")
    expected.add_argument("--yes", action="store_true")
    return run_command(act, expected, given)


def raises(error):
    def act(_):
        raise error

    return act


@pytest.mark.parametrize("given", [["paths.outputs=there", "demo", "--yes"], ["demo", "--yes", "paths.outputs=there"]])
def test_the_place_may_stand_anywhere(given, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", "elsewhere")
    found = []
    assert command(lambda parsed: found.append(parsed) or 7, *given) == 7
    assert (found[0].name, found[0].yes, found[0].outputs) == ("demo", True, Path("there"))


def test_the_place_is_the_last_said_else_the_environments_else_outputs(monkeypatch):
    found = []

    def act(parsed):
        found.append(str(parsed.outputs))
        return 0

    command(act, "paths.outputs=a", "paths.outputs=b")
    monkeypatch.setenv("DROPGRID_OUTPUTS", "c")
    command(act)
    monkeypatch.delenv("DROPGRID_OUTPUTS")
    command(act)
    assert found == ["b", "c", "outputs"]


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (raises(UserError("first\nsecond")), 2, "error: first\nerror: second\n"),
        (raises(OSError(errno.EACCES, "Permission denied", "x/y")), 2, "error: cannot use x/y: Permission denied\n"),
        (raises(OSError("no name")), 2, "error: no name\n"),
        (raises(KeyboardInterrupt()), 130, ""),
    ],
)
def test_what_goes_wrong_is_a_line_and_an_exit_code(act, code, said, capsys):
    assert command(act) == code
    printed = capsys.readouterr()
    assert printed.err == said and not printed.out


def test_a_mistyped_flag_is_one_line_with_the_usage(capsys):
    assert command(lambda _: 0, "--yse") == 2
    said = capsys.readouterr().err
    assert "--yse" in said and "usage: python scripts/some.py" in said and said.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    code = (
        "import sys; from dropgrid.commands import command_parser, run_command;"
        "sys.exit(run_command(lambda _: print('x' * 10) or 0, command_parser('some', ''), []))"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_names_the_place_and_needs_none_of_the_heavy_packages(name):
    code = (
        "import sys, runpy; sys.argv = ['x', '--help']\n"
        "try: runpy.run_path(sys.path.pop(), run_name='__main__')\n"
        "except SystemExit as end: print(end.code, {m.partition('.')[0] for m in sys.modules})"
    )
    script = SCRIPTS / f"{name}.py"
    code = f"import sys; sys.path.append({str(script)!r})\n{code}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert "paths.outputs=DIR" in done.stdout and f"python scripts/{name}.py" in done.stdout
    code, modules = done.stdout.splitlines()[-1].split(" ", 1)
    assert code == "0"
    assert not {"torch", "pytorch_lightning", "pandas", "hydra", "omegaconf", "matplotlib", "wandb"} & eval(modules)
    assert len(script.read_text().splitlines()) <= 30
