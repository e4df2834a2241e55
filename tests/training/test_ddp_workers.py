"""A cell in several processes: the same training as in one, to the rounding, and to the bit after a stop."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.execution.slots import slots
from dropgrid.planning.plan import plans
from dropgrid.store import checkpoints

ROOT = Path(__file__).parents[2]
NET = ["data=fake", "data.size=12", "data.train=96", "data.batch_size=16", "model=resnet20", "norm=group"]
LINE = [*NET, "trainer.max_epochs=2", "sweep.jobs=1"]


def train(outputs: Path, *line: str) -> Path:
    """The folder of the one cell."""
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    command = [sys.executable, "scripts/train.py", *LINE, *line]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    logs = "".join(path.read_text() for path in outputs.glob("runs/*/log.txt"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    (cell,) = (outputs / "runs").iterdir()
    return cell


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("micro", [1, 2])
def test_two_ranks_train_as_one_process_with_the_same_batch(tmp_path, micro):
    # smooth and shallow: in a deep net rounding grows to 1e-3 of a weight within 12 steps
    also = ["model=mlp", "model.hidden=[32]", "norm=none", "activation=tanh", "optimizer=momentum", "optimizer.lr=0.01"]
    also += [f"trainer.accumulate_grad_batches={micro}"]
    one = train(tmp_path / "one", *also)
    two = train(tmp_path / "two", "trainer=ddp", *also)
    assert one.name != two.name, "bits depend on the ranks: another cell"
    first, second = (load_file(folder / "last.safetensors") for folder in (one, two))
    for name in first:
        assert torch.allclose(first[name], second[name], rtol=1e-4, atol=1e-6), name
    rows = [(folder / "metrics.csv").read_text().splitlines() for folder in (one, two)]
    for mine, theirs in zip(*(each[1:] for each in rows), strict=True):
        assert [float(x) for x in mine.split(",")] == pytest.approx([float(x) for x in theirs.split(",")], rel=1e-4)
    assert result(one)["steps"] == result(two)["steps"] == 12 // micro


@pytest.mark.slow
def test_two_ranks_label_pixels_as_one_process_does(tmp_path):
    """Without a norm, and for few steps: confusion matrices of all ranks are added, ReLU amplifies rounding."""
    also = ["task=segmentation", "data.targets=masks", "model=unet", "model.width=0.25", "model.levels=2", "norm=none"]
    also += ["activation=tanh", "optimizer=momentum", "optimizer.lr=0.01", "data.classes=3"]
    one, two = train(tmp_path / "one", *also), train(tmp_path / "two", "trainer=ddp", *also)
    first, second = (load_file(folder / "last.safetensors") for folder in (one, two))
    for name in first:
        assert torch.allclose(first[name], second[name], rtol=1e-4, atol=1e-6), name
    mine, theirs = result(one)["metrics"], result(two)["metrics"]
    assert mine.keys() == theirs.keys() >= {"test/miou_last"}
    for name, value in mine.items():
        assert value == pytest.approx(theirs[name], abs=2e-3), name


@pytest.mark.slow
def test_what_all_ranks_drop_is_counted_and_a_cell_that_was_stopped_ends_with_the_same_bits(tmp_path):
    also = ["trainer=ddp", "regularizer=dropblock", "regularizer.keep_prob=0.7", "regularizer.block_size=3"]
    whole = train(tmp_path / "whole", *also)
    sites = result(whole)["treatment"]["sites"]
    assert sites and not result(whole)["treatment"]["flagged"]
    stopped(tmp_path / "stopped", *also)
    again = train(tmp_path / "stopped", *also, "sweep.checkpoint.steps=1")
    assert result(again)["provenance"]["attempts"][-1]["step"] > 0
    assert result(again)["weights"] == result(whole)["weights"]
    assert result(again)["treatment"] == result(whole)["treatment"]
    assert (again / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()


def stopped(outputs: Path, *also: str) -> Path:
    """The folder of the cell, which was asked to stop after a few steps."""
    line = [sys.executable, "scripts/train.py", *LINE, *also, "sweep.checkpoint.steps=1"]
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    first = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: list(outputs.glob("runs/*/checkpoints/step-*5-*.ckpt")))
        first.terminate()
        first.wait(timeout=120)
    finally:
        first.kill()
    (interrupted,) = (outputs / "runs").iterdir()
    if (interrupted / "result.json").exists():
        pytest.skip("it was finished before it was asked to stop")
    return interrupted


@pytest.mark.slow
def test_all_ranks_go_back_from_a_checkpoint_that_cannot_be_loaded(tmp_path):
    whole = train(tmp_path / "whole", "trainer=ddp")
    interrupted = stopped(tmp_path / "stopped", "trainer=ddp")
    newest, before = checkpoints.checkpoints(interrupted)
    newest.write_bytes(b"no archive")
    step, stamp, _ = checkpoints.parts(newest)
    bad = newest.rename(newest.with_name(f"step-{step}-{stamp}-{checkpoints.digest(newest)}.ckpt"))
    again = train(tmp_path / "stopped", "trainer=ddp")
    (*_, attempt) = result(again)["provenance"]["attempts"]
    assert attempt["step"] == int(checkpoints.parts(before)[0]) and [*attempt["passed_over"]] == [bad.name]
    assert result(again)["weights"] == result(whole)["weights"]


def until(happened) -> None:
    """Wait until it is so."""
    for _ in range(4000):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


@pytest.mark.slow
def test_a_rank_that_dies_fails_the_cell_and_says_so(tmp_path):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path)}
    line = [sys.executable, "scripts/train.py", *LINE, "trainer=ddp", "trainer.max_epochs=500"]
    line.append("sweep.retries.RankFailed=0")
    training = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: [each for each in tmp_path.glob("runs/*/state.json") if '"step": ' in each.read_text()])
        (cell,) = (tmp_path / "runs").iterdir()
        others = subprocess.run(
            ["pgrep", "-f", f"dropgrid.training.ddp_rank {cell}"], capture_output=True, text=True
        ).stdout.split()
        assert len(others) == 1
        os.kill(int(others[0]), 9)
        assert training.wait(timeout=120) == 1
    finally:
        training.kill()
    failure = json.loads((cell / "failure.json").read_text())
    assert failure["class"] == "RankFailed" and "rank 1 ended with exit code -9" in failure["message"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["data.batch_size=15"], "data.batch_size=15 cannot be divided among trainer.ranks=2"),
        (["trainer.ranks=0"], "trainer.ranks must be a whole number, 1 or more, got 0"),
        (["trainer.sync_batchnorm=true"], "trainer.sync_batchnorm needs GPUs"),
        (["norm=batch", "norm.sync=true"], "norm.sync needs GPUs"),
    ],
)
def test_what_would_not_train_is_said_before(tmp_path, line, said):
    with pytest.raises(UserError, match=said):
        check(plans([*LINE, "trainer=ddp", *line, f"paths.outputs={tmp_path}"]))


def test_a_cell_of_two_ranks_takes_the_cores_of_two(tmp_path, monkeypatch):
    monkeypatch.setattr("dropgrid.execution.slots.cores", lambda: 4)
    (plan,) = plans([*NET, "trainer=ddp", f"paths.outputs={tmp_path}"])
    assert slots(plan) == 2
    (plan,) = plans([*NET, "trainer=ddp", "trainer.threads=2", f"paths.outputs={tmp_path}"])
    assert slots(plan) == 1
