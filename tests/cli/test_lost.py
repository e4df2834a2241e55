"""A sweep exits with 0 only if every cell that was asked for is finished, whatever its launcher says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.survives("a launcher that loses its jobs or refuses its settings")

ROOT = Path(__file__).parents[2]
TINY = [
    *("data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"),
    *("trainer.max_epochs=1", "seed=0,1"),
]
LOSSY = """
from hydra._internal.core_plugins.basic_launcher import BasicLauncher

class Lossy(BasicLauncher):
    def __init__(self, jobs, fails=False):
        super().__init__()
        self.jobs, self.fails = jobs, fails

    def launch(self, overrides, initial_job_idx):
        found = super().launch(overrides[: self.jobs], initial_job_idx)
        if self.fails:
            raise RuntimeError("the cluster is gone")
        return found
"""
LOST = "hydra.launcher._target_=hydra_plugins.lossy.Lossy"


@pytest.fixture
def train(tmp_path):
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins" / "lossy.py").write_text(LOSSY)
    (tmp_path / "targets").write_text("hydra_plugins.lossy.Lossy\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "DROPGRID_TARGETS": str(tmp_path / "targets")}

    def run(*words):
        line = [sys.executable, str(ROOT / "scripts/train.py"), *words, f"paths.outputs={tmp_path / 'outputs'}"]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


SLOW = pytest.mark.slow


@pytest.mark.parametrize("sweeper", [pytest.param([], marks=SLOW), ["hydra/sweeper=basic"]], ids=["ours", "basic"])
def test_a_launcher_that_refuses_its_settings_is_a_line(train, sweeper):
    done = train(*TINY, "hydra/launcher=basic", "+hydra.launcher.nonsense=1", *sweeper)
    assert done.returncode == 2 and "nonsense" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("fails", ["false", pytest.param("true", marks=SLOW)])
def test_a_launcher_that_loses_every_job_is_no_success(train, fails):
    done = train("-m", *TINY, LOST, "+hydra.launcher.jobs=0", f"+hydra.launcher.fails={fails}")
    assert done.returncode == 1 and "2 of 2 cells were not trained (run seed 0, run seed 1)" in done.stdout


@pytest.mark.slow
def test_nor_is_one_under_another_sweeper(train):
    done = train("-m", *TINY, LOST, "+hydra.launcher.jobs=0", "hydra/sweeper=basic")
    assert done.returncode == 1 and "2 of 2 cells are not finished: run seed 0, run seed 1" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("sweeper", [[], ["hydra/sweeper=basic"]], ids=["ours", "basic"])
def test_some_jobs_lost_and_then_all_finished(train, sweeper):
    done = train("-m", *TINY, LOST, "+hydra.launcher.jobs=1", "sweep.retries.Lost=0", *sweeper)
    assert done.returncode == 1 and "1 of 2 cells" in done.stdout
    assert train("-m", *TINY, "hydra/launcher=basic", *sweeper).returncode == 0
    assert train("-m", *TINY, LOST, "+hydra.launcher.jobs=0", *sweeper).returncode == 0  # nothing is left to train
    done = train("-m", *TINY, LOST, "+hydra.launcher.jobs=0", "sweep.rerun=all")
    assert done.returncode == 1 and "2 of 2 cells were not trained" in done.stdout
