"""The rate falls as torch's does, and a training that was stopped goes on at the rates it would have had."""

import random

import pytest
import torch
import yaml
from pytorch_lightning import Callback

from dropgrid.errors import UserError
from dropgrid.lr_schedules.plateau import plateau
from dropgrid.planning.plan import plans
from dropgrid.training.train import Trial

ARGUMENTS = {"metric": "loss", "factor": 0.1, "patience": 2, "threshold": 0.01, "lowest": 0.0, "warmup": 0.0}
TINY = [
    "data=fake",
    "data.size=12",
    "data.train=64",
    "data.val=40",
    "data.batch_size=16",
    "model.width=0.25",
    "trainer.max_epochs=6",
    "optimizer.lr=0.5",
    "lr_schedule=plateau",
    "lr_schedule.factor=0.5",
    "lr_schedule.patience=0",
    "lr_schedule.threshold=0.2",
]


def rows(values, metric="loss"):
    return [{"val/loss": -1.0, "val/acc": -1.0, f"val/{metric}": value} for value in values]


@pytest.mark.parametrize(("metric", "mode"), [("loss", "min"), ("acc", "max")])
@pytest.mark.parametrize(("patience", "threshold", "lowest"), [(0, 0.0, 0.0), (2, 0.05, 0.02), (5, 1e-4, 0.0)])
def test_it_is_torchs_driven_by_the_same_metrics(metric, mode, patience, threshold, lowest):
    numbers = random.Random(0)
    falling = [2.0 * 0.9**epoch + 0.3 * numbers.random() for epoch in range(60)]
    values = falling if metric == "loss" else [1 / (1 + value) for value in falling]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.4, patience=patience, threshold=threshold, min_lr=lowest, eps=0
    )
    arguments = {"metric": metric, "factor": 0.4, "patience": patience, "threshold": threshold, "lowest": lowest}
    factors = []
    for epoch in range(len(values) + 1):
        factors.append(plateau(epoch, 61, rows(values[:epoch], metric), **arguments, warmup=0.0))
        assert factors[-1] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        if epoch < len(values):
            theirs.step(values[epoch])
    assert len(set(factors)) > 2


def test_without_a_new_best_it_falls_after_more_than_so_many_epochs_and_waits_again():
    factors = [plateau(0, 10, rows([1.0] * epochs), **ARGUMENTS) for epochs in range(9)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_a_metric_that_is_no_number_is_no_new_best():
    assert plateau(0, 10, rows([1.0, *[float("nan")] * 3]), **ARGUMENTS) == pytest.approx(0.1)


def test_a_warm_up_comes_first():
    assert plateau(2, 10, rows([1.0] * 9), **ARGUMENTS | {"warmup": 0.5}) == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("metric", "accuracy", "loss or acc"),
        ("factor", 1, r"a number in \(0, 1\)"),
        ("patience", -1, "a whole number, 0 or more"),
        ("patience", 1.5, "a whole number, 0 or more"),
        ("threshold", -0.1, r"a number in \[0, 1\]"),
        ("lowest", 2, r"a number in \[0, 1\]"),
    ],
)
def test_what_is_outside_its_range_is_named(key, value, allowed):
    with pytest.raises(ValueError, match=rf"lr_schedule\.{key} must be {allowed}, got {value!r}"):
        plateau(0, 10, **ARGUMENTS | {key: value})


class Watch(Callback):
    """Keeps the rate of each step, and stops at one as a process that is killed does."""

    def __init__(self, until=None):
        self.rates, self.until = {}, until

    def on_train_batch_end(self, trainer, *_):
        self.rates[trainer.global_step - 1] = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.until:
            raise InterruptedError


def trained(outputs, name, watch):
    """A training in a folder of its own, or on from the checkpoint there."""
    plan = plans([*TINY, f"paths.outputs={outputs}", "sweep.checkpoint.steps=3"])[0]
    job = plan.supervised(plan.cells[0])
    folder = outputs / name
    folder.mkdir(exist_ok=True)
    for part in ("config", "local"):
        (folder / f"{part}.yaml").write_text(yaml.safe_dump(job[part]))
    trial = Trial(job, folder, [], [watch])
    trial.fit()
    return trial.last


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The rates and weights of the training that nobody stops."""
    watch = Watch()
    weights = trained(tmp_path_factory.mktemp("outputs"), "alone", watch)
    assert len(set(watch.rates.values())) >= 3, "it fell more than once"
    return watch.rates, weights


@pytest.mark.parametrize("step", [11, 12])  # an epoch's last and first; checkpoints are at 9 and 12
def test_stopped_and_resumed_it_has_the_same_rates_and_weights(step, alone, tmp_path):
    rates, weights = alone
    first, then = Watch(until=step), Watch()
    with pytest.raises(InterruptedError):
        trained(tmp_path, "killed", first)
    resumed = trained(tmp_path, "killed", then)
    assert max(first.rates) == step - 1 and min(then.rates) == step // 3 * 3
    assert len(set(first.rates.values())) > 1, "it had fallen before it was stopped"
    assert first.rates | then.rates == rates
    assert all(torch.equal(value, resumed[key]) for key, value in weights.items())


@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")  # Lightning's; ours is the error
def test_without_validation_it_is_refused_before_the_first_step(tmp_path):
    plan = plans([*TINY, "data.val=0", f"paths.outputs={tmp_path}"])[0]
    with pytest.raises(UserError, match="there is no validation: data.val is 0"):
        Trial(plan.supervised(plan.cells[0]), tmp_path, []).fit()
