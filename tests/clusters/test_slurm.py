"""A sweep on a real SLURM, left alone and disturbed, ends with the table that one machine gives."""

import signal
import subprocess

import pytest
from extras import debian
from processes import variables
from slurm import Slurm, wait_for
from sweep import DISTURBED, ROOT, Sweep, cells

pytestmark = pytest.mark.slow
CELLS = [*cells(0, 1, 2, epochs=80), "name=there"]
EXTRA = "slurm"
THERE = ["hydra/launcher=submitit_slurm", *DISTURBED]


@pytest.fixture(scope="module", autouse=True)
def installed():
    debian("slurmctld", "slurm-wlm", "munge")


@pytest.fixture
def slurm(tmp_path, python):
    with Slurm(tmp_path / "slurm", nodes=2, cores=1) as cluster:
        yield cluster
    assert not cluster.descendants()


@pytest.fixture
def sweep(tmp_path, slurm, python):
    """The same sweep there."""
    return Sweep(tmp_path / "outputs", [*CELLS, *THERE], python, slurm.environment)


def job_of(sweep, cell):
    """The job that trains a cell, and its node, from its process' environment."""
    found = variables(sweep.states()[cell]["pid"])
    return f"{found['SLURM_ARRAY_JOB_ID']}_{found['SLURM_ARRAY_TASK_ID']}", found["SLURMD_NODENAME"]


def training(sweep, *known):
    """A cell that trains now and is none of those, its job and node."""

    def look():
        for cell, state in sweep.states().items():
            if cell not in known and state["step"] > 25:  # there is a checkpoint
                try:
                    return cell, *job_of(sweep, cell)
                except (OSError, KeyError):  # it has just ended
                    continue
        return None

    return wait_for(look, 240)


def test_packs_of_cells_in_jobs_give_the_same_table(sweep, alone):
    sweep.overrides += ["sweep.cells_per_job=3"]
    text = sweep.run()
    assert "asks SLURM for an array of 2 jobs, each 1 core for 60 min and up to 3 cells" in text
    sweep.same(alone)
    assert "6 cells, 6 already finished" in sweep.run()


def test_cancelled_requeued_timed_out_and_drained_it_gives_the_same_table(sweep, slurm, alone):
    process = sweep.start()
    try:
        requeued, job, _ = training(sweep)
        slurm.do("scontrol", "requeue", job)
        wait_for(lambda: job not in slurm.jobs())
        timed_out, job, node = training(sweep, requeued)
        slurm.do("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
        slurm.announce(job)
        wait_for(lambda: job not in slurm.jobs())
        cancelled, job, other = training(sweep, requeued, timed_out)
        assert other != node
        slurm.do("scancel", job)
        wait_for(lambda: job not in slurm.jobs())
        slurm.do("scontrol", "update", f"nodename={node}", "state=resume")
        text = sweep.ended(process)
    finally:
        process.kill()
        process.communicate()
    assert "1 of 6 cells were lost with their jobs: once more" in text
    sweep.same(alone)
    for cell in (requeued, timed_out, cancelled):
        first, second, *_ = sweep.results()[cell]["provenance"]["attempts"]
        assert first["step"] == 0 < second["step"]
        assert "stopped before step" in (sweep.outputs / "runs" / cell / "log.txt").read_text()


def test_ctrl_c_calls_the_jobs_back_and_the_same_command_goes_on(sweep, slurm, alone):
    process = sweep.start()
    cell, _, _ = training(sweep)
    process.send_signal(signal.SIGINT)
    text = sweep.ended(process, 130)
    assert "the same command continues" in text and not slurm.jobs("PENDING,RUNNING")
    assert "stopped before step" in (sweep.outputs / "runs" / cell / "log.txt").read_text()
    sweep.run()
    sweep.same(alone)


def test_a_sweep_whose_jobs_were_all_cancelled_is_no_success_and_the_same_command_goes_on(sweep, slurm, alone):
    sweep.overrides += ["sweep.retries.Lost=0"]
    process = sweep.start()
    try:
        training(sweep)
        while jobs := slurm.jobs("PENDING,RUNNING"):
            for job in jobs:
                slurm.do("scancel", job)
        text = sweep.ended(process, 1)
    finally:
        process.kill()
        process.communicate()
    assert "cells were not trained" in text and "the same command trains them" in text and "Traceback" not in text
    sweep.run()
    sweep.same(alone)


def test_what_cannot_be_asked_for_is_a_line(sweep):
    for override, message in [
        ("sweep.cells_per_job=0", "error: sweep.cells_per_job must be a whole number, 1 or more, got 0"),
        ("sweep.budget=2h", "error: sweep.budget needs the slots of this machine"),
    ]:
        line = [sweep.python, "scripts/train.py", *sweep.overrides, override]
        done = subprocess.run(line, cwd=ROOT, env=sweep.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and done.stderr.startswith(message)
