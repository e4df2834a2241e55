"""Files of weights: `init=checkpoint`, a finished cell's, and training checkpoints."""

import io
import random

import numpy as np
import pytest
import torch
from damage import damaged, hostile_pickles, leaving_zip, npy, npz
from hostile import ESCAPE
from safetensors.torch import save
from torch import nn

from dropgrid import streams
from dropgrid.errors import UserError
from dropgrid.initializers.checkpoint import checkpoint
from dropgrid.reports.predictions import read_predictions
from dropgrid.saved_network import load_weights
from dropgrid.store import checkpoints
from dropgrid.store.cell import Cell
from dropgrid.store.layout import RunFolder


def net():
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def states():
    """State dicts that are wrong in ways of their own."""
    own = net().state_dict()
    weight = own["0.weight"]
    return [
        own,
        {"state_dict": own},
        {"model": {"state_dict": own}},
        {**own, "0.weight": weight.to(torch.complex64)},
        {**own, "0.weight": weight.to_sparse()},
        {**own, "0.weight": weight.to(torch.int8)},
        {**own, "0.weight": torch.full_like(weight, torch.nan)},
        {**own, "0.weight": weight.to("meta")},
        {**own, "0.weight": weight[:1]},
        {**own, 7: weight},
        {**own, ("a",): weight},
        {**own, "0.weight": [1, 2]},
        {**own, "\n\x00": weight},
        {},
        [own],
        weight,
        "text",
        None,
        {"state_dict": None},
        {"0.weight": weight.expand(2, 3, 3, 3)},
        {**own, "0.weight": torch.zeros(1).expand(2, 3, 3, 3)},
        {**own, "0.weight": nn.Parameter(weight)},
    ]


def start(path):
    def act():
        try:
            draw = lambda name: streams.generator(0, "init", name)  # noqa: E731
            checkpoint(
                net(), generator=draw, activation=nn.ReLU, path=str(path), fingerprint=None, strict=True, skip=[]
            )
        except ValueError as error:
            raise UserError(str(error)) from error

    return act


def test_weights_to_start_from(trial, tmp_path):
    how = random.Random(0)
    sound = saved(net().state_dict())
    cases = [saved(each) for each in states()] + hostile_pickles() + [leaving_zip(), npy("(2,)"), b""]
    cases += [damaged(sound, how) for _ in range(300)]
    for number, data in enumerate(cases):
        path = tmp_path / f"{number}.pt"
        path.write_bytes(data)
        trial(start(path), (number, data[:40]))
    assert trial.outcomes["ran"] > 2 and not ESCAPE.exists()


def test_weights_of_a_finished_cell(trial, tmp_path):
    how = random.Random(0)
    sound = save(net().state_dict())
    heads = [
        b'{"x":{"dtype":"F32","shape":[9999999999999],"data_offsets":[0,8]}}',
        b"[" * 5000,
        b'{"__metadata__":1}',
        b"",
    ]
    cases = [len(head).to_bytes(8, "little") + head + b"\0" * 8 for head in heads] + [b"\xff" * 8, *hostile_pickles()]
    cases += [damaged(sound, how) for _ in range(300)]
    for number, data in enumerate(cases):
        path = tmp_path / str(number) / "last.safetensors"
        path.parent.mkdir()
        path.write_bytes(data)
        trial(lambda path=path: load_weights(net(), RunFolder(path.parent), "last") and None, (number, data[:40]))
        trial(start(path), (number, data[:40]))


def test_a_damaged_training_checkpoint_is_not_continued_from(trial, tmp_path):
    how = random.Random(0)
    sound = saved({"state_dict": net().state_dict(), "global_step": 3})
    stamp = "0" * 12
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        written = checkpoints.write(folder, 3, stamp, lambda file: file.write(sound))
        written.write_bytes(damaged(sound, how))

        def act(folder=folder):
            assert checkpoints.newest(folder, stamp) is None

        if written.read_bytes() != sound:
            assert trial(act, number) == "ran"


@pytest.mark.parametrize("weights", ["last"])
def test_predictions(trial, tmp_path, weights):
    how = random.Random(0)
    sound = io.BytesIO()
    np.savez_compressed(sound, last=np.zeros((4, 2), np.float32), best=np.zeros((4, 2)), targets=np.zeros(4, int))
    promises = [
        npy("(999999999999,)"),
        npy("(-1,)"),
        npy("(1,)", "|O"),
        npy("()"),
        npy("(" * 90),
        b"",
        hostile_pickles()[0],
    ]
    cases = [npz(last=each, targets=each, best=each) for each in promises] + [leaving_zip(), *hostile_pickles()]
    cases += [damaged(sound.getvalue(), how) for _ in range(200)]
    for number, data in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "predictions.npz").write_bytes(data)
        cell = Cell("x", "x", {}, 0, [], folder)
        trial(lambda cell=cell: read_predictions(cell, weights) and None, (number, data[:40]))
