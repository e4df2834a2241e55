"""Upload, sync and backfill of real cells, by the real client, against a stand-in for the service."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wandb_service.service import Service

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=2", "sweep.jobs=1"]
SWEEP = ["-m", "regularizer=none,dropblock", *TINY, "name=mine", "seed=0"]


@pytest.fixture
def service():
    with Service() as service:
        yield service
    assert service.unknown == []


class Shell:
    """Commands of the project, in an environment of their own."""

    def __init__(self, folder: Path, service: Service | None):
        self.outputs = folder / "outputs"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
        self.environment |= {"HOME": str(folder), "DROPGRID_OUTPUTS": str(self.outputs)}
        self.key = service.environment if service else {}

    def run(self, script: str, *line: str, code: int = 0, key: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, f"scripts/{script}.py", *line],
            cwd=ROOT,
            env=self.environment | (self.key if key else {}),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    @property
    def cells(self) -> dict[str, Path]:
        return {path.name: path for path in (self.outputs / "runs").iterdir()}


@pytest.fixture
def shell(tmp_path, service) -> Shell:
    return Shell(tmp_path, service)


def history(folder: Path) -> list[tuple[int, float]]:
    with open(folder / "metrics.csv", newline="") as file:
        return [(int(row["step"]), float(row["val/acc"])) for row in csv.DictReader(file)]


def sent(run) -> list[tuple[int, float]]:
    return [(row["step"], row["val/acc"]) for row in run.history if "val/acc" in row]


def check(service: Service, shell: Shell) -> None:
    """Every cell is one run, and says what its files say."""
    assert set(service.runs) == set(shell.cells)
    for id, folder in shell.cells.items():
        run, result = service.runs[id], json.loads((folder / "result.json").read_text())
        row = result["provenance"]["row"]
        assert sent(run) == history(folder)
        assert (run.group, run.job_type, run.exit_code) == ("mine", row, 0)
        assert {"ablation:mine", f"row:mine/{row}"} <= set(run.tags)
        assert run.config["rows"] == {"mine": row} and run.config["trainer"]["max_epochs"] == 2
        assert run.summary["test/acc_last"] == result["metrics"]["test/acc_last"]
        for site in result["treatment"]["sites"]:
            assert run.summary[f"expected/{site['site']}"] == site["expected"]
        names = " ".join(run.files)
        assert "predictions/confusion" in names and "predictions/examples" in names
        assert str(shell.outputs) not in json.dumps(run.config)


def test_cells_trained_with_another_logger_are_sent_once_from_their_files(shell, service):
    shell.run("train", *SWEEP)
    assert not service.runs
    assert "2 of 2 cells sent" in shell.run("dashboard", "mine", "--from-files", "--weights").stdout
    check(service, shell)
    assert all(f"weights-{id}" in str(service.runs[id].artifacts) for id in shell.cells)
    assert "0 of 2 cells sent, 2 were already there" in shell.run("dashboard", "mine", "--from-files").stdout
    check(service, shell)


def test_what_was_logged_offline_is_uploaded_once_and_tells_the_same(shell, service):
    shell.run("train", *SWEEP, "logger=wandb", key=False)
    assert "no W&B API key" in shell.run("dashboard", "mine", "--sync", key=False, code=2).stderr
    assert not service.runs
    assert "2 runs uploaded" in shell.run("dashboard", "mine", "--sync").stdout
    check(service, shell)
    assert "nothing to upload" in shell.run("dashboard", "mine", "--sync").stdout
    assert "0 of 2 cells sent, 2 were already there" in shell.run("dashboard", "mine", "--from-files").stdout
    check(service, shell)


@pytest.mark.parametrize("online", [True, False])
def test_a_cell_that_is_killed_and_goes_on_is_one_run_with_each_row_once(shell, service, online):
    line = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=40", "name=mine"]
    line += ["logger=wandb", "sweep.checkpoint.steps=8", "sweep.jobs=1"]
    environment = shell.environment | (shell.key if online else {})
    training = subprocess.Popen([sys.executable, "scripts/train.py", *line], cwd=ROOT, env=environment, text=True)
    try:
        pid = child(shell, after=20)
        os.kill(pid, 9)  # the supervisor tries again, from the last checkpoint
        assert training.wait(timeout=240) == 0
    finally:
        training.kill()
    ((id, folder),) = shell.cells.items()
    assert len(json.loads((folder / "result.json").read_text())["provenance"]["attempts"]) > 1
    if not online:
        assert len(list((shell.outputs / "wandb").glob(f"offline-run-*-{id}"))) == 2
        shell.run("dashboard", "mine", "--sync")
    assert sent(service.runs[id]) == history(folder) and len(history(folder)) == 40


def child(shell: Shell, after: int) -> int:
    """The process that trains the one cell, once it has made so many steps."""
    for _ in range(2400):
        for state in (shell.outputs / "runs").glob("*/state.json"):
            told = json.loads(state.read_text() or "{}")
            if told.get("step", 0) >= after:
                return int(told["pid"])
        time.sleep(0.05)
    raise AssertionError("no cell came so far")


def test_a_service_that_dies_in_a_run_costs_no_training_and_the_rest_comes_later(shell, service):
    service.die(after=6)
    shell.run("train", *SWEEP, "logger=wandb", "logger.timeout=5")
    assert all((folder / "result.json").exists() for folder in shell.cells.values())
    service.revive()
    shell.run("dashboard", "mine", "--from-files")
    check(service, shell)


def test_workspace_and_report_are_made_then_replaced_and_shared_cells_get_their_tags(shell, service):
    shell.run("train", *SWEEP, "logger=wandb")
    shell.run("train", "regularizer=dropblock", *TINY, "name=other", "seed=0")  # the same cell: nothing is trained
    shell.run("report", "mine")
    said = shell.run("dashboard", "mine").stdout
    assert "workspace: http" in said and "report: http" in said
    assert [view["type"] for view in service.views] == ["project-view", "runs"]
    figures = [run for run in service.runs.values() if run.job_type == "report"]
    assert len(figures) == 1 and figures[0].tags == ["report:mine"] and "figures/figure" in " ".join(figures[0].files)
    shell.run("dashboard", "mine")
    assert len(service.views) == 2 and figures[0].starts == 1
    shell.run("dashboard", "other")
    (shared,) = [run for run in service.runs.values() if "ablation:other" in run.tags]
    assert {"ablation:mine", "row:other/run"} <= set(shared.tags) and set(shared.config["rows"]) == {"mine", "other"}
    assert len(service.runs) == 4, "two cells, two runs of figures"


def test_a_service_that_refuses_is_one_line(shell, service):
    shell.run("train", *SWEEP)
    service.refuse(403)
    done = shell.run("dashboard", "mine", code=2)
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("error: ")]
    assert "W&B" in line and "Traceback" not in done.stderr
    service.unknown.clear()
