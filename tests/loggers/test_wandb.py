"""W&B offline, read back with its own tool from a real run; and the end of a failed one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dropgrid.loggers.wandb import Wandb, membership_tags, rows_config

ROOT = Path(__file__).parents[2]
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
        self.summary, self.rows, self.ended, self.resumed, self.starting_step = {}, [], None, False, 0

    def define_metric(self, *args, **kwargs):
        pass

    def log(self, row, step):
        self.rows.append(row)

    def finish(self, exit_code):
        self.ended = exit_code


@pytest.mark.parametrize(("summary", "code"), [({"test/acc_last": 0.9}, 0), (None, 1)])
def test_a_run_always_ends_and_a_failed_one_as_failed(tmp_path, monkeypatch, without_key, summary, code):
    import wandb

    asked, run = {}, Recorder()
    monkeypatch.setattr(wandb, "init", lambda **kwargs: asked.update(kwargs) or run)
    folder = tmp_path / "outputs" / "runs" / "abc123"
    logger = Wandb(folder=folder, cell=CELL, project="dropgrid", entity=None, mode=None, timeout=30, weights=False)
    logger.log({"epoch": 0, "step": 4, "val/acc": 0.5})
    logger.close(summary)
    assert run.ended == code and run.summary == (summary or {})
    assert (asked["id"], asked["group"], asked["job_type"], asked["mode"]) == ("abc123", "demo", "baseline", "offline")
    assert asked["tags"] == ["ablation:demo", "row:demo/baseline"] and asked["config"] == {
        "seed": 0,
        "rows": {"demo": "baseline"},
    }
    assert asked["dir"] == str(tmp_path / "outputs")


def test_with_a_key_or_a_mode_of_the_environment_wandb_decides(tmp_path, monkeypatch, without_key):
    import wandb

    asked = {}
    monkeypatch.setattr(wandb, "init", lambda **kwargs: asked.update(kwargs) or Recorder())
    monkeypatch.setenv("WANDB_MODE", "disabled")
    Wandb(folder=tmp_path / "a" / "b" / "c", cell=CELL, project="p", entity=None, mode=None, timeout=30, weights=False)
    assert asked["mode"] is None
    Wandb(
        folder=tmp_path / "a" / "b" / "c",
        cell=CELL,
        project="p",
        entity=None,
        mode="offline",
        timeout=30,
        weights=False,
    )
    assert asked["mode"] == "offline"


TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=2", "logger=wandb"]


@pytest.fixture
def silent():
    """The address of a service that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refused():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.mark.slow
@pytest.mark.parametrize("service", ["silent", "refused"])
def test_a_service_that_cannot_be_had_costs_seconds_and_no_training(service, request, tmp_path):
    environment = {
        **os.environ,
        "DROPGRID_OUTPUTS": str(tmp_path / "outputs"),
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": request.getfixturevalue(service),
    }
    line = [sys.executable, "scripts/train.py", *TINY, "logger.timeout=10"]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = (tmp_path / "outputs" / "runs").iterdir()
    assert (cell / "result.json").exists()
    assert "W&B: " in (cell / "log.txt").read_text()
    assert list((tmp_path / "outputs" / "wandb").glob(f"offline-run-*-{cell.name}/run-{cell.name}.wandb"))


def test_what_wandb_raises_is_said_once_and_training_goes_on(tmp_path, monkeypatch, capsys, without_key):
    import wandb

    class Broken(Recorder):
        def log(self, row, step):
            raise OSError(28, "No space left on device")

    run = Broken()
    monkeypatch.setattr(wandb, "init", lambda **kwargs: run)
    folder = tmp_path / "outputs" / "runs" / "abc123"
    logger = Wandb(folder=folder, cell=CELL, project="p", entity=None, mode=None, timeout=1, weights=False)
    for epoch in range(3):
        logger.log({"epoch": epoch, "step": 4})
    logger.close({"test/acc_last": 0.5})
    assert capsys.readouterr().out.count("No space left on device; training goes on") == 1
    assert run.ended == 0 and run.summary == {"test/acc_last": 0.5}


def test_memberships_are_tags_and_keys_of_the_config_the_first_in_front():
    member = [("demo", "baseline"), ("table+lr=0.1", "none"), ("demo", "baseline")]
    demo, table = ["ablation:demo", "row:demo/baseline"], ["ablation:table+lr=0.1", "row:table+lr=0.1/none"]
    assert membership_tags(member) == [*demo, *table]
    assert rows_config(member) == {"demo": "baseline", "table+lr=0_1": "none"}
    assert rows_config([("a", "first"), ("a", "second")]) == {"a": "first"}


def test_a_long_tag_keeps_its_beginning_and_differs_from_others():
    one, other = (membership_tags([("demo", "x" * 80 + end)])[1] for end in "ab")
    assert len(one) == len(other) == 64 and one != other and one.startswith("row:demo/xxx")


def test_rows_that_the_service_has_are_not_sent_again(tmp_path, monkeypatch, without_key):
    import wandb

    run = Recorder()
    run.starting_step, run.resumed = 21, True
    monkeypatch.setattr(wandb, "init", lambda **kwargs: run)
    folder = tmp_path / "outputs" / "runs" / "abc123"
    logger = Wandb(folder=folder, cell=CELL, project="p", entity=None, mode=None, timeout=1, weights=False)
    logger.resume([{"epoch": epoch, "step": 10 * (epoch + 1)} for epoch in range(3)])
    logger.log({"epoch": 3, "step": 40})
    assert [row["step"] for row in run.rows] == [30, 40]
