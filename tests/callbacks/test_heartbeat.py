import json
import os
import time

import torch

from dropgrid.callbacks.heartbeat import Heartbeat


def test_it_tells_where_the_cell_stands_and_not_at_every_step(learner, at, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    learner.steps = 40
    beat = Heartbeat(tmp_path)

    def step(number, loss):
        beat.on_train_batch_end(at(2, number), learner, {"loss": torch.tensor(loss)}, None, 0)
        return json.loads((tmp_path / "state.json").read_text())

    first = step(7, 0.5)
    assert (first["epoch"], first["epochs"], first["step"], first["steps"]) == (2, 5, 7, 40)
    assert first["loss"] == 0.5 and first["pid"] == os.getpid() and first["phase"] == "training"
    now[0] += 0.1
    assert step(8, 0.4)["step"] == 7
    now[0] += 1
    assert step(9, 0.3)["step"] == 9
    beat.on_validation_batch_end(at(2, 9), learner, None, None, 0)
    assert json.loads((tmp_path / "state.json").read_text())["phase"] == "training"  # too short to be told
    now[0] += 1
    beat.on_validation_batch_end(at(2, 9), learner, None, None, 1)
    assert json.loads((tmp_path / "state.json").read_text())["phase"] == "validating"
    beat.on_fit_end(at(5, 40), learner)
    assert json.loads((tmp_path / "state.json").read_text())["phase"] == "measuring"
