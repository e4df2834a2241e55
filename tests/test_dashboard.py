"""W&B offline, read back with its own tool from a real run; and the end of a failed one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.dashboard import Wandb

ROOT = Path(__file__).parents[1]
CELL = {"id": "abc123", "name": "demo/baseline seed 0", "ablation": "demo", "row": "baseline", "config": {"seed": 0}}


@pytest.fixture
def without_key(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_a_real_run_offline_reads_back(tmp_path, without_key):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path / "outputs")}
    line = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=2", "logger=wandb"]
    line += ["diagnosis=signals", "diagnosis.every=4"]
    done = subprocess.run(
        [sys.executable, "scripts/train.py", *line],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = (path.name for path in (tmp_path / "outputs" / "runs").iterdir())
    (folder,) = (tmp_path / "outputs" / "wandb").glob("offline-run-*")
    assert folder.name.endswith(f"-{cell}") and (folder / f"run-{cell}.wandb").stat().st_size > 0
    pictures = {path.stem.split("_")[0] for path in (folder / "files/media/images/diagnosis").iterdir()}
    assert pictures == {"signal", "inputs"}
    wandb = Path(sys.executable).parent / "wandb"
    told = subprocess.run(
        [wandb, "leet", "inspect", "--summary", "--json", str(folder / f"run-{cell}.wandb")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    read = json.loads(told.stdout)
    del read["file"]  # where leet found it
    text = json.dumps(read)
    result = json.loads((tmp_path / "outputs" / "runs" / cell / "result.json").read_text())
    assert cell in text and "ablation:run" in text and "max_epochs" in text
    assert str(result["metrics"]["test/acc_last"]) in text
    assert str(tmp_path) not in text


class Recorder:
    def __init__(self):
        self.summary, self.rows, self.ended = {}, [], None

    def define_metric(self, *args, **kwargs):
        pass

    def log(self, row):
        self.rows.append(row)

    def finish(self, exit_code):
        self.ended = exit_code


@pytest.mark.parametrize(("summary", "code"), [({"test/acc_last": 0.9}, 0), (None, 1)])
def test_a_run_always_ends_and_a_failed_one_as_failed(tmp_path, monkeypatch, without_key, summary, code):
    import wandb

    asked, run = {}, Recorder()
    monkeypatch.setattr(wandb, "init", lambda **kwargs: asked.update(kwargs) or run)
    folder = tmp_path / "outputs" / "runs" / "abc123"
    logger = Wandb(folder=folder, cell=CELL, project="dropgrid", entity=None, mode=None)
    logger.log({"epoch": 0, "step": 4, "val/acc": 0.5})
    logger.close(summary)
    assert run.ended == code and run.summary == (summary or {})
    assert (asked["id"], asked["group"], asked["job_type"], asked["mode"]) == ("abc123", "demo", "baseline", "offline")
    assert asked["tags"] == ["ablation:demo", "row:demo/baseline"] and asked["config"] == {"seed": 0}
    assert asked["dir"] == str(tmp_path / "outputs")


def test_with_a_key_or_a_mode_of_the_environment_wandb_decides(tmp_path, monkeypatch, without_key):
    import wandb

    asked = {}
    monkeypatch.setattr(wandb, "init", lambda **kwargs: asked.update(kwargs) or Recorder())
    monkeypatch.setenv("WANDB_MODE", "disabled")
    Wandb(folder=tmp_path / "a" / "b" / "c", cell=CELL, project="p", entity=None, mode=None)
    assert asked["mode"] is None
    Wandb(folder=tmp_path / "a" / "b" / "c", cell=CELL, project="p", entity=None, mode="offline")
    assert asked["mode"] == "offline"
