"""Every command of README, CONTRIBUTING and docs: planned, run beside a tiny ablation, or tested elsewhere."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import in_process
import pytest

from dropgrid import build
from dropgrid.dry_build import dry_build
from dropgrid.planning.plan import plans

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import documented  # noqa: E402
from documented import ROOT, Elsewhere, Planned, Run  # noqa: E402

sys.path.remove(str(HERE))

RULED = {
    command: documented.rule(command)[1]
    for command in documented.commands()
    if any(re.fullmatch(pattern, command) for pattern in documented.RULES)
}
ROWS = ["dropout", "dropblock_overdose", "randaugment"]
"""Of the demo, left out of the tiny one."""


def of(kind):
    return [command for command, how in RULED.items() if isinstance(how, kind)]


def shell(line, outputs):
    """Run a line of Python as a reader would, from the root."""
    environment = {
        **os.environ,
        "DROPGRID_OUTPUTS": str(outputs),
        "WANDB_MODE": "offline",
        "PYTHONPATH": str(ROOT / "src"),
    }
    words = shlex.split(line)
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_command_has_a_rule_and_every_rule_a_command():
    assert len(documented.commands()) > 80
    assert not set(documented.commands()) - set(RULED), "commands that nothing tests"
    used = {documented.rule(command)[0] for command in RULED}
    assert not set(documented.RULES) - used, "rules of no command"


def test_commands_that_are_not_run_here_name_a_test_that_is_there():
    for command in of(Elsewhere):
        assert (ROOT / RULED[command].test).is_file(), command
        target = re.fullmatch(r"make (\w+)", command)
        assert not target or re.search(rf"^{target[1]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
        ablation = re.search(r"\+ablation=(\w+)", command)
        assert not ablation or (ROOT / "conf" / "ablation" / f"{ablation[1]}.yaml").is_file()
        extra = re.search(r"dropgrid\[(\w+)\]", command)
        assert not extra or re.search(rf"^{extra[1]} = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_scripts_and_targets_named_in_passing_exist():
    texts = [page.read_text() for page in documented.PAGES]
    named = {
        each for text in texts for each in re.findall(r"python ((?:scripts|examples|benchmarks|docs)/[\w/]+\.py)", text)
    }
    assert len(named) > 10 and all((ROOT / each).is_file() for each in named)
    targets = {each for text in texts for each in re.findall(r"`make ([a-z-]+)`", text)}
    assert targets <= set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


LONG = pytest.mark.slow
PLANNED = [pytest.param(each, marks=[LONG] if "dropblock_table1" in each else []) for each in of(Planned)]


@pytest.mark.parametrize("command", PLANNED)
def test_a_training_would_run(command, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.chdir(tmp_path)
    if "image_folder" in command:
        tree = runpy.run_path(str(ROOT / "tests" / "data" / "tiny.py"))["tree"]
        tree(Path("pictures"), {"train": 80, "test": 4}, size=(32, 32))
    for old, new in RULED[command].replaced:
        command = command.replace(old, new)
    fake = ["data.size=32", "data.channels=3"] if "data=fake" in command else []
    found = plans([each for each in shlex.split(command)[2:] if each not in ("-m", "--json")] + fake)
    cell = found[-1].cells[-1]
    dry_build(cell.config, cell.local, build.source(cell.config, cell.local).spec())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The demo with a few rows, images and steps, finished."""
    folder = tmp_path_factory.mktemp("tiny") / "outputs"
    without = [f"~ablation.rows.{row}" for row in ROWS]
    words = ["+ablation=demo", "name=demo", "seed=0,1", *documented.TINY.split(), *without]
    assert "4 of 4 done" in in_process.command("train", *words, outputs=folder).stdout
    return folder


def run(command, outputs, tmp_path):
    other = tmp_path / "other"
    (other / "runs").mkdir(parents=True)
    return shell(f"{command} {RULED[command].shorter}".replace("OTHER_OUTPUTS", str(other)), outputs)


@pytest.mark.parametrize("command", [command for command in of(Run) if not RULED[command].slow])
def test_a_command_runs(command, outputs, tmp_path):
    assert "demo" in run(command, outputs, tmp_path)


@LONG
@pytest.mark.parametrize("command", [command for command in of(Run) if RULED[command].slow])
def test_a_longer_command_runs(command, outputs, tmp_path):
    assert run(command, outputs, tmp_path)


def test_the_readmes_snippet_runs(outputs, monkeypatch):
    """As a library: what a reader would paste, with a model and a loader of their own."""
    import torch

    monkeypatch.chdir(outputs.parent)
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(64, 2))
    here: dict = {"model": model, "loader": [(torch.ones(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64))]}
    exec(snippet, here)
    assert list(here["table"].n) == [2, 2] and len(here["frame"]) == 4
    assert isinstance(here["net"], torch.nn.Module) and "Dropout" in str(here["page"])
