"""Watching a training changes none of its bits, and one that was stopped is watched as if it had not been."""

import importlib

import numpy as np
import pytest
import torch
import yaml
from hydra import compose

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate
from dropgrid.measure.diagnosis import Diagnosis
from dropgrid.measure.recorded_figures import draw_recorded_figures
from dropgrid.measure.snapshots import read_snapshots
from dropgrid.paths import CONF
from dropgrid.planning.compose import hydra_context, resolved_config
from dropgrid.store.identity import divide
from dropgrid.training.train import Trial

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=3"]
DROPS = ["regularizer=dropblock", "regularizer.block_size=2", "sweep.checkpoint.steps=1"]
WATCH = ["diagnosis=signals", "diagnosis.every=3", "diagnosis.images=8", "+diagnose@diagnosis.gradient=gradient"]


class Stop(Exception):
    pass


@pytest.fixture
def trial(tmp_path):
    """Makes a trial in a folder, watched or not."""

    def of(name, *overrides, watch=True):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        with hydra_context():
            config, local = divide(
                resolved_config(compose("train", [*TINY, *DROPS, *WATCH, f"paths.outputs={tmp_path}", *overrides]))
            )
        node = config.pop("diagnosis")
        cell = {"id": "0", "name": "x", "ablation": "x", "row": "x", "reproduce": "", "config": config, "local": local}
        made = Trial(cell, folder, [])
        if watch:
            option = instantiate("diagnosis", node)
            watching = option(folder=folder, split=made.splits.train, lr=config["optimizer"]["lr"])
            callbacks = made.trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it without a type
            callbacks.insert(callbacks.index(made.checkpoint), watching)
        return made, folder

    return of


def same(one, other):
    """Whether two files hold the same moments."""
    assert one.keys() == other.keys()
    for name, moments in one.items():
        assert [each.step for each in moments] == [each.step for each in other[name]]
        for mine, theirs in zip(moments, other[name], strict=True):
            assert mine.arrays.keys() == theirs.arrays.keys()
            assert all(np.array_equal(value, theirs.arrays[key]) for key, value in mine.arrays.items())
    return True


@pytest.mark.parametrize("overrides", [[], ["trainer.accumulate_grad_batches=2"]])
def test_a_watched_training_has_the_bits_of_one_that_is_not(trial, overrides):
    alone, _ = trial("alone", *overrides, watch=False)
    watched, folder = trial("watched", *overrides)
    for each in (alone, watched):
        each.fit()
    assert all(torch.equal(value, watched.last[name]) for name, value in alone.last.items())
    found = read_snapshots(folder / "diagnosis.npz")
    assert set(found) == {"signal", "inputs", "gradient"}
    steps = [0, 3, 6, 9, 12] if not overrides else [0, 3, 6]
    assert all([each.step for each in moments] == steps for moments in found.values())
    assert set(draw_recorded_figures({"alone": folder.parent / "alone", "watched": folder})) == set(found)


@pytest.mark.parametrize("step", [1, 6, 11])
def test_resuming_gives_the_same_file(trial, step):
    whole, folder = trial("whole")
    whole.fit()
    first, stopped = trial("stopped")
    taken = first.checkpoint.on_train_batch_start

    def stop(trainer, *rest):
        taken(trainer, *rest)
        if trainer.global_step == step:
            raise Stop

    first.checkpoint.on_train_batch_start = stop
    with pytest.raises(Stop):
        first.fit()
    second, _ = trial("stopped")
    second.fit()
    assert same(read_snapshots(folder / "diagnosis.npz"), read_snapshots(stopped / "diagnosis.npz"))
    assert all(torch.equal(value, second.last[name]) for name, value in whole.last.items())


def test_a_diagnostic_that_does_not_apply_leaves_nothing_and_says_so(trial, capsys):
    made, folder = trial("none", "diagnosis.gradient.low=1e-30", "trainer.max_epochs=1", "optimizer=sgd")
    watching = next(each for each in made.trainer.callbacks if isinstance(each, Diagnosis))
    watching.lr = None
    made.fit()
    assert set(read_snapshots(folder / "diagnosis.npz")) == {"signal", "inputs"}
    assert "diagnosis.gradient at step 0: the optimizer has no learning rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("diagnosis.every=0", "diagnosis.every must be a whole number, 1 or more, got 0"),
        ("diagnosis.images=x", "diagnosis.images must be a whole number, 1 or more, got 'x'"),
        ("diagnosis.signal.images=8", r"diagnosis\.signal\.images does nothing .*: diagnosis\.images and"),
        ("diagnosis.gradient.every=5", r"diagnosis\.gradient\.every does nothing"),
    ],
)
def test_what_cannot_be_is_refused_by_name(trial, change, told):
    with pytest.raises(UserError, match=told):
        trial("wrong", change)


def test_the_options_of_the_group_name_this_callback():
    for path in (CONF / "diagnosis").glob("*.yaml"):
        module, _, name = yaml.safe_load(path.read_text())["_target_"].rpartition(".")
        assert getattr(importlib.import_module(module), name) is Diagnosis
