"""A power cut at any moment of a cell's training: a cell that counts as finished is whole, another one is continued."""

import shutil
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dropgrid.planning.plan import plans
from dropgrid.saved_network import weights_hash
from dropgrid.store import checkpoints
from dropgrid.store import lease as lease_module
from dropgrid.store.arrays import read_arrays
from dropgrid.store.cell import Cell
from dropgrid.store.deletion import clear
from dropgrid.store.environment import stamp
from dropgrid.store.files import read_csv, read_json, read_yaml, write_yaml
from dropgrid.store.import_cell import import_cell
from dropgrid.store.layout import Outputs
from dropgrid.store.lease import Lease
from dropgrid.store.records import is_finished, read_result
from dropgrid.training.train import train

sys.path.insert(0, str(Path(__file__).parent))
from power_loss import Recorder, made

pytestmark = pytest.mark.faults

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]
TINY += ["trainer.max_epochs=2", "sweep.checkpoint.steps=2", "regularizer=dropblock"]


def train_under_lease(planned, run):
    """What a supervisor and its cell's process do to a cell's folder, in this process."""
    lease, deadline = Lease(run.folder), time.monotonic() + 10
    while not lease.acquire():  # half a lease is watched like another machine's
        assert time.monotonic() < deadline
        time.sleep(0.05)
    write_yaml(run.config, planned["config"])
    write_yaml(run.local, planned["local"])
    train(planned, run.folder)
    clear(run)
    lease.release()


@pytest.fixture(autouse=True, scope="module")
def short_leases():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lease_module, "EXPIRY", 0.2)
        patched.setattr(lease_module, "SETTLE", 0.01)
        yield


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DROPGRID_OUTPUTS", str(tmp_path_factory.mktemp("planned")))
        (plan,) = plans(TINY)
        return plan.supervised(plan.cells[0])


@pytest.fixture(scope="module")
def recorded(planned, tmp_path_factory):
    """A cell trained once, and what was done to its outputs folder."""
    root = tmp_path_factory.mktemp("recorded")
    run, recorder = Outputs(root).run(planned["id"]), Recorder(root)
    run.folder.mkdir(parents=True)
    with recorder.listening():
        train_under_lease(planned, run)
    return run, recorder


def check_whole(run, planned):
    """All that a result vouches for is there."""
    result = read_result(run)
    for which in ("last", "best"):
        assert weights_hash(load_file(run.weights(which))) == result["weights"][which]
    assert len(read_csv(run.metrics)) == result["epochs"]
    assert set(read_arrays(run.predictions, "")) >= {"last", "best", "targets"}
    assert read_yaml(run.config) == planned["config"] and read_yaml(run.local) and read_json(run.environment)


def test_a_cell_that_counts_as_finished_is_whole_and_its_last_checkpoint_is_sound_otherwise(
    recorded, planned, tmp_path, record_property
):
    _, recorder = recorded
    finished, continued = 0, set()
    disks = list(recorder.disks())
    record_property("survived", {"a power cut: what a disk may hold at a moment of a cell": len(disks)})
    for when, held in disks:
        made(held, tmp_path / "outputs")
        run = Outputs(tmp_path / "outputs").run(planned["id"])
        run.folder.mkdir(parents=True, exist_ok=True)
        cell = Cell(planned["id"], "row", {}, 0, [], run.folder)
        if cell.status == "finished":
            finished += 1
            check_whole(run, planned)
        elif newest := checkpoints.newest(run.folder, stamp(torch.device("cpu"), planned["config"]), lambda _: None):
            assert torch.load(newest, weights_only=True)["global_step"] == int(newest.name.split("-")[1]), when
            continued.add(newest.name)
        shutil.rmtree(tmp_path / "outputs")
    assert finished > 2 and len(continued) >= 3


def test_training_goes_on_to_the_same_bits(recorded, planned, tmp_path):
    left, recorder = recorded
    disks = [(when, held) for when, held in recorder.disks() if f"runs/{planned['id']}/result.json" not in held]
    for at in (len(disks) // 3, 2 * len(disks) // 3, len(disks) - 1):
        when, held = disks[at]
        root = tmp_path / str(at)
        made(held, root)
        run = Outputs(root).run(planned["id"])
        run.folder.mkdir(parents=True, exist_ok=True)
        train_under_lease(planned, run)
        check_whole(run, planned)
        assert read_result(run)["weights"] == read_result(left)["weights"], when


def test_no_checkpoint_is_announced_before_it_is_safe(recorded, planned):
    """Once the folder of a checkpoint is on disk its name is there, whole, until a newer one is."""
    _, recorder = recorded
    steps = [0]
    for moment in range(len(recorder.operations) + 1):
        held = recorder.disk(moment, "no name that was not waited for")
        there = [int(name.split("-")[1]) for name in held if name.endswith(".ckpt")]
        finished = f"runs/{planned['id']}/result.json" in held
        assert finished or max(there, default=0) >= steps[-1]
        steps.append(max(there, default=steps[-1]))
    assert steps[-1] >= 6


def test_an_imported_cell_is_whole_from_the_moment_that_it_has_its_name(recorded, planned, tmp_path):
    left, _ = recorded
    root = tmp_path / "ours"
    recorder, run = Recorder(root), Outputs(root).run(planned["id"])
    run.folder.parent.mkdir(parents=True)
    with recorder.listening():
        assert import_cell(left.folder, run.folder, yes=True) == ""
    check_whole(run, planned)
    beside = next(name.split("/")[1] for kind, name, *_ in recorder.operations if kind == "name")
    last = max(at for at, (kind, name, *_) in enumerate(recorder.operations) if kind == "folder" and beside in name)
    held = {name: content for name, content in recorder.disk(last + 1, "no name that was not waited for").items()}
    made(held, tmp_path / "cut")
    cut = Outputs(tmp_path / "cut").run(planned["id"])
    (cut.folder.parent / beside).rename(cut.folder)  # a result is read in a folder of its cell's name
    check_whole(cut, planned)
    assert is_finished(run)
