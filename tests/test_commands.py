"""What the small commands share."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.commands import Parser, run_command, write_any_text
from dropgrid.errors import UserError

SCRIPTS = Path(__file__).parents[1] / "scripts"
COMMANDS = ["report", "status", "clean", "merge"]


def command(act, *given):
    expected = Parser("some", "What it does.")
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
        "import sys; from dropgrid.commands import Parser, run_command;"
        "sys.exit(run_command(lambda _: print('x' * 10) or 0, Parser('some', ''), []))"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


NARROW = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"},
]


def run_narrow(environment, script, *words):
    """Run a command through a pipe; return its exit code, and what it printed, as bytes."""
    around = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    line = [sys.executable, str(SCRIPTS / f"{script}.py"), *words]
    done = subprocess.run(line, capture_output=True, env={**around, **environment}, check=False)
    assert b"Traceback" not in done.stderr and b"UnicodeEncodeError" not in done.stdout + done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "environment", [*NARROW[:2], *(pytest.param(each, marks=pytest.mark.slow) for each in NARROW[2:])], ids=str
)
def test_a_command_writes_whatever_the_encoding_can_show(fake, environment):
    fake.add(["baseline", "dropout"], seeds=2)
    for cell in fake.of("dropout"):
        cell["line"]["row"] = "naïve ± – 木"
    name = fake.write()
    place = f"paths.outputs={fake.outputs}"
    code, out, _ = run_narrow(environment, "status", name, "--failed", place)
    assert code == 0 and out
    code, out, _ = run_narrow(environment, "report", name, place)
    assert code == 0 and (b"naive +- - ?" in out or "naïve ± - ?".encode("latin-1") in out)


@pytest.mark.parametrize("environment", NARROW[:2], ids=str)
@pytest.mark.parametrize(
    ("script", "words"), [("status", ["木–ß"]), ("report", ["木"]), ("train", ["木=1"]), ("plan", ["data.root=–"])]
)
def test_a_mistake_with_other_letters_is_a_line(environment, script, words):
    code, _, err = run_narrow(environment, script, *words)
    assert code == 2 and err.startswith(b"error: ") and err.count(b"\n") == 1


def test_letters_that_come_near():
    write_any_text()
    text = "12.3 ± 0.4 – “naïve” → ≥ 1 × 木\udcc3 ½"
    assert text.encode("ascii", "near") == b'12.3 +- 0.4 - "naive" -> >= 1 x ?\xc3 1?2'
    assert "– ü ±".encode("latin-1", "near") == b"- \xfc \xb1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (MemoryError("Unable to allocate 7 TiB"), "not enough memory: Unable to allocate 7 TiB"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't\nallocate"), "not enough memory: [enforce fail] Def"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), "xxx: File name too long"),
        (UnicodeEncodeError("ascii", "a木", 1, 2, "no"), r"'\u6728' in a name or path cannot be written in ascii"),
    ],
)
def test_what_no_config_should_ask_for_is_a_line(error, said, capsys):
    assert command(raises(error)) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1 and len(printed) < 400


def test_an_error_of_ones_own_is_not_hidden():
    with pytest.raises(RuntimeError, match="a bug"):
        command(raises(RuntimeError("a bug")))


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
