"""What a trial chooses by, and with which weights it measures."""

import pytest
import torch

from dropgrid.planning.plan import plans
from dropgrid.predict import predict
from dropgrid.tasks.classification import accuracy
from dropgrid.training.train import Trial

TINY = ["data=fake", "data.size=12", "data.train=64", "data.val=40", "data.test=60", "data.noise=60"]
TINY += ["data.batch_size=16", "model.width=0.25", "trainer.max_epochs=6"]


def test_validation_chooses_and_the_test_set_is_measured_with_the_last_and_the_best_weights(tmp_path):
    plan = plans([*TINY, f"paths.outputs={tmp_path}"])[0]
    trial = Trial(plan.supervised(plan.cells[0]), tmp_path, [])
    trial.fit()

    def share(split, weights):
        trial.network.load_state_dict(weights)
        return accuracy(*predict(trial.learner, trial.task, trial.batches(split, 64)))

    def keep():
        return {name: value.detach().clone() for name, value in trial.network.state_dict().items()}

    last, (best, highest) = keep(), (trial.best.weights, trial.best.value)
    assert highest == share(trial.splits.val, best) >= share(trial.splits.val, last)
    # other weights, so that all shares are different
    spoilt = {**best, "fc.weight": best["fc.weight"] / 2, "fc.bias": best["fc.bias"] + torch.arange(10.0)}
    wanted = {
        "val/acc_last": share(trial.splits.val, last),
        "val/acc_best": highest,
        "test/acc_best": share(trial.splits.test, spoilt),
        "test/acc_last": share(trial.splits.test, last),
    }
    assert len({wanted[name] for name in ("val/acc_last", "test/acc_best", "test/acc_last")}) == 3
    trial.network.load_state_dict(last)
    trial.best.weights, trial.best.epoch = spoilt, 0
    measured = trial.measure()
    assert {name: measured.metrics[name] for name in wanted} == pytest.approx(wanted)
    found = trial.write(measured)["weights"]
    assert found["last"] != found["best"]
