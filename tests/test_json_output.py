"""One JSON object on stdout, whatever a command prints and however it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid import json_output
from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError

ROOT = Path(__file__).parents[1]
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=1"]
START = "import os, sys; from dropgrid import json_output; from dropgrid.commands import Parser, run_command\n"


def command(act, capsys, *given):
    expected = Parser("status", "What it does.")
    expected.add_argument("name", nargs="?")
    code = run_command(act, expected, [*given, "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


def test_fields_are_printed_below_schema_and_exit_code(capsys):
    def act(given):
        assert json_output.wanted() and given.name == "demo"
        json_output.give(number=float("nan"), path=Path("a/b"), pair=(1, float("inf")), text="木\x1b")
        json_output.add("list", {"a": 1})
        json_output.add("list", {"a": 2})
        print("progress")
        return 1

    code, found, err = command(act, capsys, "demo")
    assert code == 1 and err == "progress\n" and not json_output.wanted()
    assert list(found)[:2] == ["schema", "exit_code"] and (found.pop("schema"), found.pop("exit_code")) == (
        "dropgrid.status/1",
        1,
    )
    assert found == {
        "number": None,
        "path": "a/b",
        "pair": [1, None],
        "text": "木\N{REPLACEMENT CHARACTER}",
        "list": [{"a": 1}, {"a": 2}],
    }


def raises(error):
    def act(_):
        json_output.give(some="field")
        raise error

    return act


def test_a_mistake_is_an_object_of_its_own_and_a_line(capsys):
    code, found, err = command(raises(UserError("first\nsecond")), capsys)
    assert code == 2 and found == {"schema": "dropgrid.error/1", "exit_code": 2, "message": "first\nsecond"}
    assert err == "error: first\nerror: second\n"
    code, found, _ = command(raises(UserError("x")), capsys, "--nmae")
    assert code == 2 and "unrecognized arguments: --nmae" in found["message"]


def test_stopped_before_there_is_a_result(capsys):
    def act(_):
        raise KeyboardInterrupt

    assert command(act, capsys)[:2] == (130, {"schema": "dropgrid.error/1", "exit_code": 130, "message": "interrupted"})


def test_a_bug_is_an_object_too_and_is_raised(capsys):
    with pytest.raises(ZeroDivisionError):
        command(raises(ZeroDivisionError("a bug")), capsys)
    found = json.loads(capsys.readouterr().out)
    assert found == {"schema": "dropgrid.error/1", "exit_code": 1, "message": "ZeroDivisionError: a bug"}


def test_without_the_flag_nothing_is_kept(capsys):
    assert run_command(lambda _: json_output.give(a=1) or 0, Parser("status", ""), []) == 0
    assert capsys.readouterr().out == "" and not json_output.wanted()


def test_help_is_text_and_names_the_flag(capsys):
    with pytest.raises(SystemExit):
        run_command(lambda _: 0, Parser("status", ""), ["--help", "--json"])
    assert "docs/json.md" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run_command(lambda _: 0, Parser("example", ""), ["--help"])
    assert "--json" not in capsys.readouterr().out
    assert run_command(lambda _: 0, Parser("example", ""), ["--json"]) == 2, "an example has no schema"


def test_what_others_print_to_stdout_goes_to_stderr():
    act = "def act(_):\n os.write(1, b'by C\\n'); os.system('echo by a child'); print('by us'); return 0\n"
    code = f"{START}{act}sys.exit(run_command(act, Parser('status', ''), ['--json']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(done.stdout)["schema"] == "dropgrid.status/1" and done.returncode == 0
    assert sorted(done.stderr.splitlines()) == ["by C", "by a child", "by us"]


def test_a_reader_that_has_gone_is_no_error():
    code = f"{START}sys.exit(run_command(lambda _: 0, Parser('status', ''), ['--json']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_training_prints_its_table_and_nothing_else(tmp_path):
    def train(*words):
        line = [sys.executable, "scripts/train.py", *words, f"paths.outputs={tmp_path}"]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)

    done = train(*TINY, "--json", "name=one")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and "1 of 1 done" in done.stderr
    assert (found["schema"], found["failed"], found["lost"]) == ("dropgrid.train/1", [], [])
    (table,) = found["tables"]
    assert table["table"] == json.loads((tmp_path / "ablations" / "one" / "table.json").read_text())
    assert all(Path(each).exists() for each in table["files"])
    shown = train("--cfg", "job", "--json")
    assert shown.returncode == 2 and "--json goes with training" in json.loads(shown.stdout)["message"]
