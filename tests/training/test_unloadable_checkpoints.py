"""A checkpoint with the right digest that training cannot continue from: the one before, then the start, same bits."""

import json
import shutil

import pytest
import torch
from pytorch_lightning import Callback

from dropgrid.planning.plan import plans
from dropgrid.store import checkpoints
from dropgrid.training.train import train

pytestmark = pytest.mark.survives("a checkpoint with the right hash that cannot be loaded")

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]
TINY += ["trainer.max_epochs=3", "regularizer=dropblock", "regularizer.block_size=3", "sweep.checkpoint.steps=2"]


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends training before a step, as a kill would."""

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 9:
            raise Killed


class Fails(Callback):
    """Raises before the steps named."""

    def __init__(self, *steps, error=RuntimeError):
        self.steps, self.error = steps, error

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step in self.steps:
            raise self.error(f"before step {trainer.global_step}")


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    (plan,) = plans([*TINY, f"paths.outputs={tmp_path_factory.mktemp('outputs')}"])
    return plan.supervised(plan.cells[0])


@pytest.fixture(scope="module")
def alone(cell, tmp_path_factory):
    """The folder of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("alone")
    train(cell, folder)
    return folder


@pytest.fixture(scope="module")
def killed(cell, tmp_path_factory):
    """The folder of a run that was killed; it has checkpoints before the steps 6 and 8."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        train(cell, folder, [Kill()])
    assert [int(checkpoints.parts(path)[0]) for path in checkpoints.checkpoints(folder)] == [8, 6]
    return folder


@pytest.fixture
def interrupted(killed, tmp_path):
    """A copy of it."""
    return shutil.copytree(killed, tmp_path / "interrupted")


def rewrite(path, change):
    """Let `change` make other content of a checkpoint, and name the file by it."""
    step, stamp, _ = checkpoints.parts(path)
    loaded = torch.load(path, weights_only=True)
    path.unlink()
    content = change(loaded)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(loaded if content is None else content, path)
    return path.rename(path.parent / f"step-{step}-{stamp}-{checkpoints.digest(path)}.ckpt")


def without(*keys):
    def change(loaded):
        part = loaded
        for key in keys[:-1]:
            part = part[key]
        del part[keys[-1]]

    return change


def other_shape(loaded):
    name = next(iter(loaded["state_dict"]))
    loaded["state_dict"][name] = loaded["state_dict"][name][:1]


def other_momentum(loaded):
    state = loaded["optimizer_states"][0]["state"]
    for each in state.values():
        each["momentum_buffer"] = torch.zeros(3, 7)


def more_keys(loaded):
    loaded["state_dict"]["network.nothing"] = torch.zeros(1)


def other_cell(loaded):
    loaded["dropgrid"]["cell"] = "another"


def other_version(loaded):
    loaded["pytorch-lightning_version"] = {}


def no_callbacks(loaded):
    loaded["callbacks"] = {}


def code(loaded):
    return {**loaded, "dropgrid": Killed}  # a class that weights_only refuses


CHANGES = {
    "a key is missing": without("state_dict", "network.fc.weight"),
    "a key too many": more_keys,
    "another shape": other_shape,
    "an optimizer's state of another shape": other_momentum,
    "no weights": without("state_dict"),
    "no loops": without("loops"),
    "no optimizer": without("optimizer_states"),
    "no place": without("dropgrid"),
    "no states of callbacks": no_callbacks,
    "of another cell": other_cell,
    "of a version that cannot be": other_version,
    "code": code,
    "no mapping": lambda loaded: [1, 2],
    "a tensor": lambda loaded: torch.zeros(3),
    "empty": lambda loaded: b"",
    "no archive": lambda loaded: b"\x80\x02}q\x00.",
    "half an archive": lambda loaded: b"PK\x03\x04" + b"\0" * 200,
}


def result(folder):
    return json.loads((folder / "result.json").read_text())


def assert_same(folder, alone):
    mine, theirs = result(folder), result(alone)
    assert mine["weights"] == theirs["weights"]
    assert {k: v for k, v in mine.items() if k not in ("timing", "provenance")} == {
        k: v for k, v in theirs.items() if k not in ("timing", "provenance")
    }
    assert (folder / "metrics.csv").read_bytes() == (alone / "metrics.csv").read_bytes()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_one_before_is_used(interrupted, cell, alone, change, capsys):
    newest, _ = checkpoints.checkpoints(interrupted)
    bad = rewrite(newest, change)
    train(cell, interrupted)
    said = capsys.readouterr().out
    assert said.count(f"{bad.name} cannot be loaded (") == 1 and "going back to the one before" in said
    assert "continues before step 6" in said
    attempt = result(interrupted)["provenance"]["attempts"][-1]
    assert attempt["step"] == 6 and [*attempt["passed_over"]] == [bad.name]
    assert_same(interrupted, alone)
    assert bad not in checkpoints.checkpoints(interrupted)


def test_if_none_can_be_loaded_training_starts_over(interrupted, cell, alone, capsys):
    bad = [rewrite(path, other_shape) for path in checkpoints.checkpoints(interrupted)]
    train(cell, interrupted)
    assert capsys.readouterr().out.count("cannot be loaded") == 2
    attempt = result(interrupted)["provenance"]["attempts"][-1]
    assert attempt["step"] == 0 and {*attempt["passed_over"]} == {path.name for path in bad}
    assert_same(interrupted, alone)


def test_what_was_passed_over_is_remembered_after_another_kill(interrupted, cell, alone):
    newest, _ = checkpoints.checkpoints(interrupted)
    bad = rewrite(newest, other_shape)
    with pytest.raises(Killed):
        train(cell, interrupted, [Kill()])
    assert not bad.exists(), "the one written since took its place"
    train(cell, interrupted)
    attempts = result(interrupted)["provenance"]["attempts"]
    assert [(each["step"], len(each.get("passed_over", []))) for each in attempts] == [(0, 0), (6, 1), (8, 0)]
    assert_same(interrupted, alone)


def test_a_failure_that_is_not_the_checkpoint_s_fails_the_cell_and_costs_no_checkpoint(interrupted, cell):
    before = checkpoints.checkpoints(interrupted)
    with pytest.raises(MemoryError):
        train(cell, interrupted, [Fails(8, error=MemoryError)])
    with pytest.raises(RuntimeError, match="before step 9"):
        train(cell, interrupted, [Fails(9)])
    assert checkpoints.checkpoints(interrupted) == before


def test_a_failure_that_comes_again_without_the_checkpoint_is_the_cell_s(interrupted, cell):
    with pytest.raises(RuntimeError, match="before step 6"):
        train(cell, interrupted, [Fails(6, 8)])
