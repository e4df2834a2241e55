"""What a command printed is printed again until something that it was made from changes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dropgrid.store import answers
from dropgrid.store.answers import GIVEN, Answer, answered, reading

ROOT = Path(__file__).parents[2]
TEXT = "demo: 2 cells, 2 already finished\n"
TINY = [
    *("data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"),
    "trainer.max_epochs=1",
]


class Command:
    """A command on two cells of an ablation and a folder of data, which counts how often it really ran."""

    def __init__(self, fake, tmp_path):
        fake.add(["baseline"], seeds=2).write()
        self.outputs, self.runs, self.code = fake.outputs, 0, 0
        self.words = ["+ablation=demo", f"paths.outputs={fake.outputs}"]
        self.data = tmp_path / "images"
        (self.data / "a").mkdir(parents=True)
        (self.data / "a" / "0.png").write_bytes(b"0")
        self.text = TEXT
        self.meanwhile = lambda: None

    def run(self):
        self.runs += 1
        reading(self.outputs, "demo")
        self.meanwhile()
        GIVEN.set(Answer(self.outputs, ["demo"], [str(self.data)], self.text))
        return self.code

    def __call__(self, *more):
        """Return whether it had to run."""
        before = self.runs
        assert answered("train", [*self.words, *more], self.run) == self.code
        return self.runs > before

    @property
    def cell(self):
        return next((self.outputs / "runs").iterdir())

    @property
    def kept(self):
        return list((self.outputs / ".cache" / "answers").glob("*.json"))


@pytest.fixture
def command(fake, tmp_path, monkeypatch):
    monkeypatch.delenv("DROPGRID_TARGETS", raising=False)
    monkeypatch.setattr(answers, "CLOCK", 0)  # the data were written this very moment
    return Command(fake, tmp_path)


def test_it_is_printed_without_a_run(command, capsys):
    assert command() and not command() and not command()
    assert capsys.readouterr().out == TEXT * 2  # the fake run prints nothing


CHANGES = {
    "a result is touched": lambda command: os.utime(command.cell / "result.json"),
    "a result is removed": lambda command: (command.cell / "result.json").unlink(),
    "a cell has an evaluation more": lambda command: (
        (command.cell / "evaluations").mkdir(),
        (command.cell / "evaluations" / "x.json").write_text("{}"),
    ),
    "the table is removed": lambda command: (command.outputs / "ablations/demo/cells.json").unlink(),
    "results are imported": lambda command: (command.outputs / "ablations/demo/more.csv").write_text("row,seed"),
    "an image is changed": lambda command: (command.data / "a" / "0.png").write_bytes(b"1"),
    "an image is added": lambda command: (command.data / "a" / "1.png").write_bytes(b"1"),
    "the data are gone": lambda command: (command.data / "a" / "0.png").unlink(),
    "a link leads elsewhere": lambda command: (command.data / "b").symlink_to(command.outputs),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_forgotten_when(command, change):
    assert command() and not command()
    CHANGES[change](command)
    assert command()


MEANWHILE = [name for name in CHANGES if name != "results are imported"]  # what a report writes does not count


@pytest.mark.parametrize("change", MEANWHILE)
def test_what_changes_while_the_command_runs_is_no_part_of_its_answer(command, change):
    def meanwhile():
        time.sleep(0.05)  # a file system's clock ticks every few milliseconds, and the fixture allows for none
        CHANGES[change](command)

    command.meanwhile = meanwhile
    assert command() and not command.kept


def test_configs_that_change_while_the_command_runs_are_no_part_of_its_answer(command, monkeypatch, tmp_path):
    own = tmp_path / "own" / "ablation" / "mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("rows: {a: []}")
    monkeypatch.setenv("DROPGRID_CONF", str(own.parents[1]))
    command.meanwhile = lambda: own.write_text("rows: {a: [], b: []}")
    assert command() and not command.kept
    command.meanwhile = lambda: None
    assert command() and not command()


def test_configs_behind_a_link_are_followed_or_not_answered_for(command, monkeypatch, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "mine.yaml").write_text("rows: {a: []}")
    (tmp_path / "own" / "ablation").mkdir(parents=True)
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path / "own"))
    (tmp_path / "own" / "ablation" / "mine.yaml").symlink_to(real / "mine.yaml")
    assert command() and not command()
    (real / "mine.yaml").write_text("rows: {a: [], b: []}")
    assert command() and not command()
    (tmp_path / "own" / "data").symlink_to(real)
    assert command() and command() and command()


def test_a_home_folder_is_where_the_configs_are_looked_for(command, monkeypatch, tmp_path):
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DROPGRID_CONF", "~/conf")
    assert command() and not command()
    monkeypatch.setenv("DROPGRID_CONF", "~nobody/conf")
    assert command() and command()


def test_it_holds_for_one_command_line_and_environment(command, monkeypatch, tmp_path):
    assert command() and command("seed=0") and not command()
    monkeypatch.setenv("DROPGRID_X", "1")
    assert command()
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path / "conf"))
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    assert command() and not command()
    (tmp_path / "conf" / "loss" / "own.yaml").write_text("a: 1")
    assert command() and not command()
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets"))
    assert command() and command(), "code of one's own may lie anywhere"


@pytest.mark.parametrize("word", ["--cfg=job", "hydra/launcher=ray", "-cd=/tmp", "paths.outputs=${oc.env:X}"])
def test_what_only_hydra_understands_runs(command, word):
    assert command(word) and command(word) and not command.kept


def test_a_failure_is_not_kept(command):
    command.code = 1
    assert command() and command() and not command.kept


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "{}", '{"state": 1, "names": 5, "data": 5, "text": 5}'])
def test_a_damaged_one_is_made_again(command, content):
    command()
    command.kept[0].write_text(content)
    assert command() and not command()


def test_it_obeys_no_escapes_but_colours(command, capsys):
    command.text = "\x1b[1mbold\x1b[0m \x1b]0;title\x07 \x1b[2J\n"
    command()
    command()
    told = capsys.readouterr().out
    assert told.startswith("\x1b[1mbold\x1b[0m") and told.count("\x1b") == 2 and "\x07" not in told


def test_a_folder_that_cannot_be_written_is_no_obstacle(command):
    (command.outputs / ".cache").mkdir(exist_ok=True)
    (command.outputs / ".cache" / "answers").write_text("a file")
    assert command() and command()


@pytest.mark.slow
def test_a_finished_sweep_asked_again_needs_no_torch(tmp_path):
    """The text is that of a command which did plan and report."""
    line = ["-m", *TINY, "seed=0,1", "name=x", f"paths.outputs={tmp_path}"]
    train = [sys.executable, "scripts/train.py", *line]
    first = subprocess.run(train, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "x: 2 cells, 0 already finished" in first.stdout
    code = "import sys; from dropgrid.cli.train import main\ntry:\n    main()\nfinally:\n    print(len(sys.modules))\n"
    code += "    assert not {'torch', 'numpy', 'hydra', 'rich'} & {*sys.modules}"
    environment = {**os.environ, "PYTHONPATH": ""}
    again = subprocess.run(train, cwd=ROOT, capture_output=True, text=True, check=True)
    (kept,) = (tmp_path / ".cache/answers").glob("*.json")
    kept.unlink()
    slow = subprocess.run(train, cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout == slow.stdout and "x: 2 cells, 2 already finished" in again.stdout
    assert json.loads(next((tmp_path / ".cache/answers").glob("*.json")).read_text())["text"] == again.stdout
    probe = [sys.executable, "-c", code, *line]
    for _ in range(2):  # the first has another sys.path
        done = subprocess.run(probe, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = [sys.executable, "scripts/report.py", "x", f"paths.outputs={tmp_path}"]
    one, two = (subprocess.run(report, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2))
    assert one.stdout == two.stdout and "report.html" in two.stdout
    assert subprocess.run(train, cwd=ROOT, capture_output=True, text=True, check=True).stdout == again.stdout
