"""Trainings of strangers' own: a function, a LightningModule and its data, as cells of a sweep."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import in_process
import pytest
import torch
import yaml
from pytorch_lightning import Callback

from dropgrid.errors import LOST, UserError
from dropgrid.files import Lost
from dropgrid.instantiate import VARIABLE, read_targets
from dropgrid.planning.plan import cells, plans
from dropgrid.store.ablation import load
from dropgrid.store.identity import cell_id
from dropgrid.store.layout import RunFolder
from dropgrid.tasks.function import Function
from dropgrid.training import own
from dropgrid.training.train import train

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
FUNCTION = ["task=function", "+task.function._target_=own_code.fit", "task.metric=accuracy"]
MODULE = [
    "task=lightning",
    "+task.module._target_=own_code.Module",
    "+task.module.body={_target_: own_code.convolution, channels: 1}",
    "+task.module.optimizer={_target_: torch.optim.Adam, _partial_: true, lr: 0.01}",
    "task.datamodule={_target_: own_code.Data, batch_size: 16}",
    "task.metric=test_acc",
    "trainer.max_epochs=3",
]


@pytest.fixture(autouse=True)
def allowed(tmp_path, monkeypatch):
    targets = tmp_path / "targets.txt"
    targets.write_text("own_code.*\ntorch.optim.Adam\n")
    monkeypatch.setenv(VARIABLE, str(targets))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.syspath_prepend(str(HERE))
    read_targets.cache_clear()
    return tmp_path


def command(script, *overrides):
    line = [sys.executable, f"scripts/{script}.py", *overrides]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def trained(overrides, folder, callbacks=()):
    """Train a cell in this process; return its result."""
    (plan,) = plans(overrides)
    folder.mkdir(parents=True, exist_ok=True)
    train(plan.supervised(plan.cells[0]), folder, callbacks)
    return json.loads(RunFolder(folder).result.read_text())


def test_a_sweep_of_a_function_is_a_table_and_is_not_trained_twice(allowed):
    line = ["-m", *FUNCTION, "+task.function.base=0.5,0.8", "seed=0,1", "name=mine"]
    first = command("train", *line)
    assert first.returncode == 0, first.stdout + first.stderr
    frame = load("mine", allowed / "outputs")
    assert frame.accuracy.tolist() == pytest.approx([0.5, 0.51, 0.8, 0.81])
    assert frame.drawn.nunique() == 2, "torch is seeded by the cell's seed"
    rows = json.loads((allowed / "outputs/ablations/mine/table.json").read_text())["rows"]
    assert [(row["n"], row["delta"], row["verdict"]) for row in rows][1] == (2, pytest.approx(30.0), "above")
    again = command("train", *line)
    assert "4 already finished" in again.stdout and again.returncode == 0
    assert load("mine", allowed / "outputs").calls.tolist() == [1.0] * 4
    priced = in_process.command("plan", *line, "sweep.rerun=all", outputs=allowed / "outputs").stdout
    assert "about 0 s" in priced or "about 1 s" in priced, priced  # by the finished ones


def test_a_cell_is_only_what_its_task_reads():
    (one,) = cells([*FUNCTION, "+task.function.base=0.5"])
    assert set(one.config) == {"seed", "task", "trainer"} and set(one.config["trainer"]) == {"option", "threads"}
    assert one.config["task"]["function"] == {"option": "own_code.fit", "base": 0.5}
    (other,) = cells([*FUNCTION, "+task.function.base=0.6"])
    assert one.id != other.id and cell_id(one.config) == one.id


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["regularizer=dropblock"], "reads no regularizer"),
        (["data.batch_size=7"], "reads no data"),
        (["scale=demo"], "reads no scale"),
        (["speed=bf16"], "reads no speed"),
        (["trainer.max_epochs=3"], "reads of trainer only threads"),
    ],
)
def test_what_would_be_silently_off_is_refused(more, says):
    with pytest.raises(UserError, match=says):
        plans([*FUNCTION, "+task.function.base=0.5", *more])


def test_a_swept_key_that_a_training_does_not_read_is_refused():
    with pytest.raises(UserError, match=r"nothing reads the key function; did you mean 'task\.function'\?"):
        plans([*FUNCTION, "+task.function.base=0.5", "+function.base=1,2"])
    with pytest.raises(UserError, match="accelerator=cpu and trainer.accelerator=auto would be one training"):
        plans([*FUNCTION, "+task.function.base=0.5", "trainer.accelerator=cpu,auto"])


@pytest.fixture
def ablation(allowed):
    """An ablation of one's own YAML: two rows of the function, each with settings to choose from."""
    folder = allowed / "conf" / "ablation"
    folder.mkdir(parents=True)
    node = {
        "defaults": [{"override /task": "function"}],
        "task": {"metric": "accuracy", "function": {"_target_": "own_code.fit", "base": 0.5}},
        "ablation": {
            "rows": {"one": [], "two": ["task.function.base=0.7"]},
            "tune": {"one": {"task.function.base": [0.5, 0.6]}, "two": {"task.function.base": [0.7, 0.8]}},
        },
    }
    (folder / "own.yaml").write_text("# @package _global_\n" + yaml.safe_dump(node))
    return [f"--config-dir={folder.parent}", "+ablation=own", "sweep.tune=2", "seed=0,1", "name=own"]


def test_settings_are_chosen_by_the_number_that_is_named(ablation, allowed):
    refused = in_process.command("train", *ablation, outputs=allowed / "outputs")
    assert refused.returncode == 2 and "task.chosen_by" in refused.stderr
    done = command("train", *ablation, "task.chosen_by=val", "task.lower_is_better=true")
    assert done.returncode == 0, done.stdout + done.stderr
    chosen = json.loads((allowed / "outputs/ablations/own/ablation.json").read_text())["tuned"]
    assert {row: each["chosen"] for row, each in chosen.items()} == {
        "one": "task.function.base=0.6",  # val is the lower, the higher the base
        "two": "task.function.base=0.8",
    }
    rows = json.loads((allowed / "outputs/ablations/own/table.json").read_text())["rows"]
    assert rows[1]["verdict"] == "above" or rows[1]["delta"] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task=function"], "task.function has no value"),
        (["task=function", "+task.function.base=1", "task.metric=x"], "must be an import path"),
        (["task=function", "+task.function._target_=os.system", "task.metric=x"], "is not allowed"),
        (["task=function", "+task.function._target_=own_code.nothing", "task.metric=x"], "cannot import"),
        (["task=function", "+task.function._target_=own_code.takes_too_little", "task.metric=x"], "called as fn"),
        ([*FUNCTION, "+task.function.base=0.5", "task.metric=7"], "task.metric must be a text"),
        ([*MODULE, "+task.module.nope=1"], "unexpected keyword argument 'nope'"),
        ([*MODULE[:2], "task.metric=x", "task.datamodule=7", "+task.module.body=1"], "task.datamodule"),
    ],
)
def test_what_would_not_train_is_said_in_one_line_before(overrides, says, tmp_path):
    done = in_process.command("train", *overrides, outputs=tmp_path)
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("7", "a mapping of names to numbers, got int"),
        ("{accuracy: high}", "accuracy must be a number, got 'high'"),
        ("{loss: 1}", "task.metric=accuracy is none of its numbers: loss"),
    ],
)
def test_what_a_function_gives_must_be_numbers(gives, says, tmp_path):
    line = ["task=function", "+task.function._target_=own_code.give", f"+task.function.gives={gives}"]
    with pytest.raises(ValueError, match=says):
        trained([*line, "task.metric=accuracy"], tmp_path / "cell")


def test_a_number_too_large_is_named(tmp_path):
    about = {"function": {}, "metric": "a", "unit": "%", "lower_is_better": False, "chosen_by": None}
    with pytest.raises(ValueError, match="a must be a number, got 1000"):
        Function(**about).named({"a": 10**400})
    with pytest.raises(ValueError, match="two of its numbers are named 5"):
        Function(**about).named({"a": 1, 5: 1, "5": 2})


def test_a_number_that_is_not_finite_is_null_and_the_cell_diverged(tmp_path):
    line = ["task=function", "+task.function._target_=own_code.give", "+task.function.gives={accuracy: nan, loss: 2}"]
    result = trained([*line, "task.metric=accuracy"], tmp_path / "cell")
    assert result["metrics"] == {"accuracy": None, "loss": 2.0} and result["diverged"]


def test_the_folder_of_a_function_is_kept_for_the_same_code_alone(tmp_path, monkeypatch):
    line, folder = [*FUNCTION, "+task.function.base=0.5"], tmp_path / "cell"
    with pytest.raises(RuntimeError, match="it broke"):
        trained([*line, "+task.function.fails=true"], folder)
    assert (folder / "own" / "calls").read_text() == "x"
    (folder / "metrics.csv").unlink()
    assert trained(line, tmp_path / "other")["metrics"]["calls"] == 1
    with pytest.raises(RuntimeError):
        trained([*line, "+task.function.fails=true"], folder)
    assert (folder / "own" / "calls").read_text() == "xx"
    assert [each.name for each in (folder / "own").iterdir()] == ["calls"]  # nothing of ours
    (folder / "own.by").write_text("another stamp")
    with pytest.raises(RuntimeError):
        trained([*line, "+task.function.fails=true"], folder)
    assert (folder / "own" / "calls").read_text() == "x"


class Break(Callback):
    """Ends training in the middle of an epoch, as a kill would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, trainer, module, *_):
        if trainer.current_epoch == self.epoch:
            raise KeyboardInterrupt


def test_a_function_whose_cell_another_has_taken_over_ends(tmp_path, monkeypatch):
    ended = []

    def lost(*_, **__):
        raise Lost("another has it")

    monkeypatch.setattr(own, "write_json", lost)
    monkeypatch.setattr(os, "_exit", ended.append)
    with own.beating(RunFolder(tmp_path), 60):
        pass
    assert ended == [LOST]


def test_a_sign_of_life_that_cannot_be_written_is_not_the_last(tmp_path, monkeypatch):
    tried, twice = [], threading.Event()

    def full(*_, **__):
        tried.append(1)
        if len(tried) > 1:
            twice.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(own, "write_json", full)
    with own.beating(RunFolder(tmp_path), 0.01):
        assert twice.wait(10)


def test_numbers_of_a_later_epoch_and_of_the_names_of_ours_cost_no_training(tmp_path):
    line = [each.replace("own_code.Module", "own_code.LogsLater") for each in MODULE]
    found = trained(line, tmp_path / "cell")
    lines = (tmp_path / "cell" / "metrics.csv").read_text().splitlines()
    assert lines[0].split(",")[:2] == ["epoch", "step"] and "later" in lines[0].split(",")
    assert [each.split(",")[:2] for each in lines[1:]] == [["0", "6"], ["1", "12"], ["2", "18"]]
    assert found["metrics"]["later"] == 2.0


@pytest.mark.parametrize("more", [[], ["+task.datamodule.generator=true"]], ids=["global", "of the loader"])
def test_a_module_that_was_interrupted_goes_on_with_the_same_bits(more, tmp_path):
    """Dropout, noise, the order of the data, Adam and a schedule by epoch; also with a generator of the loader."""
    line = [*MODULE, *more, "sweep.checkpoint.minutes=0"]
    alone = trained(line, tmp_path / "alone")
    for epoch in (1, 2):
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            trained(line, tmp_path / "stopped", [Break(epoch)])
        (tmp_path / "stopped" / "metrics.csv").unlink()
    resumed = trained(line, tmp_path / "stopped")
    assert resumed["provenance"]["attempts"][-1]["step"] == 12, "it went on after two epochs of six steps"
    assert {**resumed, "timing": 0, "provenance": 0} == {**alone, "timing": 0, "provenance": 0}
    for name in ("last.safetensors", "metrics.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_module_may_keep_checkpoints_of_its_own(tmp_path):
    line = [each.replace("own_code.Module", "own_code.KeepsItsBest") for each in MODULE]
    line.append("sweep.checkpoint.steps=6")
    alone = trained(line, tmp_path / "alone")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trained(line, tmp_path / "stopped", [Break(2)])
    (tmp_path / "stopped" / "metrics.csv").unlink()
    resumed = trained(line, tmp_path / "stopped")
    assert resumed["provenance"]["attempts"][-1]["step"] == 12 and resumed["weights"] == alone["weights"]
    (kept,) = (tmp_path / "stopped" / "own").rglob("best.ckpt")
    found = torch.load(kept, weights_only=False)
    assert "hyper_parameters" in found, "it is whole"
    assert found["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"] == found["epoch"] + 1


def test_a_checkpoint_that_cannot_be_loaded_is_passed_over(tmp_path):
    line, folder = [*MODULE, "sweep.checkpoint.minutes=0"], tmp_path / "cell"
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trained(line, folder, [Break(2)])
    (newest, *_) = sorted(RunFolder(folder).checkpoints.glob("*.ckpt"), reverse=True)
    newest.write_bytes(b"not a checkpoint")
    (folder / "metrics.csv").unlink()
    assert trained(line, folder)["metrics"] == trained(line, tmp_path / "alone")["metrics"]


def test_the_drop_layers_of_a_module_are_measured_in_every_cell(tmp_path):
    found = trained([*MODULE, "+task.module.p=0.4"], tmp_path / "cell")
    (site,) = found["treatment"]["sites"]
    assert site["site"] == "drop" and site["kind"] == "Dropout" and not found["treatment"]["flagged"]
    assert site["nominal"] == pytest.approx(0.4) and abs(site["realised"] - 0.4) < 5 * site["stderr"]
    assert {"train_acc", "val_acc", "test_acc"} <= found["metrics"].keys()
    wrong = [each.replace("own_code.Module", "own_code.AlwaysOn") for each in MODULE]
    flagged = trained(wrong, tmp_path / "wrong")
    assert [site["flagged"] for site in flagged["treatment"]["sites"]] == [True], "its verdict is withheld"
    assert any("eval" in each for each in flagged["audit"]["findings"])


def test_loaders_do_for_a_datamodule_and_no_test_is_needed(tmp_path):
    line = [*MODULE[:4], "task.datamodule={_target_: own_code.loaders, batch_size: 16}", "task.metric=val_acc"]
    found = trained([*line, "trainer.max_epochs=1"], tmp_path / "cell")
    assert found["steps"] == 6 and set(found["metrics"]) == {"train_acc", "val_acc"}


def test_a_module_that_logs_nothing_is_told_so(tmp_path):
    line = ["task=lightning", "+task.module._target_=pytorch_lightning.demos.boring_classes.BoringModel"]
    targets = Path(tmp_path / "targets.txt")
    targets.write_text("pytorch_lightning.demos.boring_classes.BoringModel")
    read_targets.cache_clear()
    with pytest.raises(ValueError, match="task.metric=acc is none of its numbers: there are none"):
        trained([*line, "task.metric=acc", "trainer.max_epochs=1"], tmp_path / "cell")


def test_a_sweep_of_a_module_is_planned_priced_and_reported(allowed):
    line = ["-m", *MODULE, "+task.module.p=0.1,0.5", "seed=0,1", "name=lit"]
    priced = command("plan", *line)
    assert priced.returncode == 0 and "4 to train: about" in priced.stdout, priced.stdout + priced.stderr
    done = command("train", *line)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = (allowed / "outputs/ablations/lit/table.md").read_text()
    assert "50.00 →" in shown and "Doses differ" in shown and "match.dose" not in shown
    refused = in_process.command("evaluate", "lit", "+evaluate=cam", outputs=allowed / "outputs")
    assert refused.returncode == 2 and "code of one's own" in refused.stderr


@pytest.mark.slow
@pytest.mark.survives("SIGKILL")
def test_a_module_that_is_killed_at_every_point_ends_as_if_it_had_not_been():
    done = command("verify_resume", *MODULE)
    assert done.returncode == 0 and "identical" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count(signal.SIGKILL.name) >= 6
