"""A cell's training from first to last, in its own process: build, fit, measure, write."""

import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback
from torch import OutOfMemoryError
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid import build, sites
from dropgrid.callbacks.average import Average, reestimate
from dropgrid.callbacks.best import Best
from dropgrid.callbacks.checkpoint import Checkpoint
from dropgrid.callbacks.gather import Gather
from dropgrid.callbacks.heartbeat import SECONDS_BETWEEN, Heartbeat
from dropgrid.callbacks.metrics import Metrics
from dropgrid.callbacks.treatment import Treatment
from dropgrid.data.batches import Order, batch_limit, batches, order
from dropgrid.data.split import Split, by_class, evenly, mixed
from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate
from dropgrid.loggers.csv import Csv
from dropgrid.loggers.logger import AbstractLogger
from dropgrid.loggers.summary import summarize_result
from dropgrid.paths import tilde
from dropgrid.predict import predict
from dropgrid.saved_network import weights_hash, write_weights
from dropgrid.store import checkpoints
from dropgrid.store.arrays import write_arrays
from dropgrid.store.environment import stamp
from dropgrid.store.layout import RunFolder
from dropgrid.tasks.description import trains_itself
from dropgrid.tasks.task import Task
from dropgrid.training import ddp_workers, own
from dropgrid.training.result import finite, open_loggers, write_result
from dropgrid.training.trainer import make_trainer

TRAIN_IMAGES_MEASURED = 10_000


def train(cell: Mapping[str, Any], folder: Path, callbacks: Sequence[Callback] = ()) -> None:
    """Train one cell and leave its files in `folder`, `result.json` last.

    Args:
        cell: id, name, ablation, row, reproduce, config (what is hashed) and local (place, devices, logger).
        folder: the cell's own; a checkpoint in it that cannot be loaded is passed over for the one before.
        callbacks: after our own.
    """
    train_once = own.train if trains_itself(cell["config"]) else train_from_newest
    passed_over: dict[str, str] = {}
    while True:
        try:
            return train_once({**cell, "passed_over": passed_over}, folder, callbacks)
        except checkpoints.NotContinued as error:
            passed_over[error.name] = error.why
            print(f"{error.name} {error.why}", flush=True)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def train_from_newest(cell: Mapping[str, Any], folder: Path, callbacks: Sequence[Callback]) -> None:
    """Train from the newest checkpoint that is not passed over; NotContinued if it cannot be loaded."""
    loggers = open_loggers(cell, folder)
    found = None
    try:
        with ddp_workers.joined(cell, folder):
            trial = Trial(cell, folder, loggers, callbacks)
            trial.fit()
        result = trial.write(trial.measure())
        show(trial, loggers)
        found = summarize_result(result)
    finally:
        for logger in loggers:
            logger.close(found)


class Measured(NamedTuple):
    """A cell's metrics, and the test set's predictions with the last weights and with the best."""

    metrics: dict[str, float | None]
    last: Any
    best: Any


class Trial:
    """A cell's parts, built; then `fit`, `measure` and `write`, in that order and once.

    `fit` goes on from the newest sound checkpoint in the folder; with it or without, the same bits.
    """

    def __init__(
        self,
        cell: Mapping[str, Any],
        folder: Path,
        loggers: Sequence[AbstractLogger],
        callbacks: Sequence[Callback] = (),
    ):
        self.times = [time.time()]
        self.cell, self.folder = cell, folder
        config, local = cell["config"], cell["local"]
        self.config, self.data = config, config["data"]
        self.workers = local["data"].get("workers", 0)
        torch.set_num_threads(config["trainer"]["threads"])
        # what deterministic algorithms would write to each new tensor, and nobody reads: 5 % of a step
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        source = build.planned(config, local)
        self.spec, self.splits = source.spec(), source.load()
        self.network = build.network(config, self.spec)
        build.initialise(config, local, self.network, lambda: build.first_batch(config, self.splits))
        self.refuse_batches_of_one_class()
        self.task: Task[Any] = instantiate("task", config["task"])
        self.learner = build.learner(config, self.task, self.network, self.spec, self.splits, config["seed"])
        shapes = sites.shapes(self.network, (self.spec.channels, *self.spec.size))
        if config["trainer"]["compile"]:
            self.network.compile()
        self.treatment = Treatment(shapes, self.data["batch_size"])
        self.rank, self.ranks = int(os.environ.get("LOCAL_RANK", "0")), config["trainer"].get("ranks", 1)
        self.best = Best(self.task.description.selected)
        self.heartbeat = Heartbeat(folder, local["sweep"]["beat_seconds"] or SECONDS_BETWEEN)
        self.average = Average(instantiate("average", config["average"]))
        metrics = Metrics(loggers, self.treatment, self.task.description.shown)
        ours = [Gather(), self.best, self.average, self.treatment, metrics]
        ours += [self.heartbeat] if self.rank == 0 else []
        self.trainer = make_trainer(config, local, default_root_dir=folder, callbacks=ours)
        self.device = self.trainer.strategy.root_device
        self.order = order(self.data["sampler"], self.splits.train, config["seed"], self.data["batch_size"])
        self.stamp = stamp(self.device, config)
        self.passed_over: dict[str, str] = cell.get("passed_over", {})
        due, about = local["sweep"]["checkpoint"], {"cell": cell["id"], "passed_over": self.passed_over}
        self.checkpoint = Checkpoint(folder, self.stamp, self.order, **about, **due)
        # before the checkpoint, which holds its state
        watching = build.diagnosis(config, folder, self.splits.train) if self.rank == 0 else []
        self.trainer.callbacks += [*watching, self.checkpoint, *callbacks]  # type: ignore[attr-defined]

    def refuse_batches_of_one_class(self) -> None:
        """Raise UserError where batches of one class each would be measured by their own statistics."""
        if not any(isinstance(each, _BatchNorm) and not each.track_running_stats for each in self.network.modules()):
            return
        for name, split in (("test", self.splits.test), ("validation", self.splits.val)):
            if len(split) > self.data["eval_batch_size"] and by_class(split):
                raise UserError(
                    f"norm.statistics=batch: the {name} images come class by class, so "
                    "the statistics of a batch would be those of one class; use another value of norm.statistics, and "
                    "evaluate.py NAME bn_statistics, which measures with mixed batches too"
                )

    def batches(self, split: Split, size: int, order: Order | None = None) -> Any:
        """Batches of a split: in training whole ones in the epoch's order, else all of it as it stands."""
        whole = order is not None
        part = (self.rank, self.ranks) if whole else (0, 1)
        given: dict[str, Any] = {"workers": self.workers, "device": self.device, "part": part}
        return batches(split, size, order=order, drop_last=whole, **given)

    def fit(self) -> None:
        """Train, validating each epoch."""
        loader = self.batches(self.splits.train, self.data["batch_size"], self.order)
        validation = self.batches(self.splits.val, self.data["eval_batch_size"]) if self.spec.val else None
        self.times.append(time.time())
        newest = checkpoints.newest(self.folder, self.stamp, passed_over=self.passed_over)
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before")  # the order knows
        try:
            self.trainer.fit(self.learner, loader, validation, ckpt_path=newest, weights_only=True if newest else None)
        except Exception as error:
            if newest is None or not self.fault_of_checkpoint(error):
                raise
            why = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise checkpoints.NotContinued(
                newest.name, tilde(f"cannot be loaded ({why}): going back to the one before")
            ) from error
        self.average.settle(self.learner)
        self.reestimate()
        self.times.append(time.time())
        self.last = {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def fault_of_checkpoint(self, error: Exception) -> bool:
        """Predicate: training ended before its first step was done, and not for want of memory, disk or data."""
        if self.checkpoint.started:  # an optimizer uses what it was given in its first step
            return not self.checkpoint.continues and not isinstance(error, OSError | MemoryError | OutOfMemoryError)
        return True

    def reestimate(self) -> None:
        """Statistics of the whole training set, where a norm or the average of weights asks for them."""
        asked = any(getattr(module, "reestimate", False) for module in self.network.modules())
        if asked or self.average.reestimates:
            train = mixed(self.splits.train, self.config["seed"])
            reestimate(self.learner, self.batches(train, self.data["eval_batch_size"]))

    def measure(self) -> Measured:
        """Read the test set, once: with the last weights, and with those of the best validation epoch."""
        self.learner.to(self.device)
        size, beat = self.data["eval_batch_size"], self.heartbeat.beat
        tests = self.batches(self.splits.test, size)
        limit = batch_limit(self.config["trainer"]["limit_test_batches"], len(tests))
        trained = self.batches(evenly(self.splits.train, TRAIN_IMAGES_MEASURED), size)
        train = predict(self.learner, self.task, trained, beat=beat)
        last = predict(self.learner, self.task, tests, limit, beat)
        best = last
        if self.best.weights and self.best.epoch < self.trainer.current_epoch - 1:
            self.network.load_state_dict(self.best.weights)
            self.reestimate()
            self.best.weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            best = predict(self.learner, self.task, tests, limit, beat)
        selected = self.task.description.selected
        metrics: dict[str, float | None] = {
            **self.task.measure(train, last, best),
            f"{selected}_last": self.learner.epoch_metrics().get(selected),
            f"{selected}_best": self.best.value if self.best.weights else None,
        }
        return Measured({name: finite(value) for name, value in metrics.items()}, last, best)

    def write(self, measured: Measured) -> dict[str, Any]:
        """Weights, predictions, environment, and last, when all is on disk, the result that vouches for them."""
        best = self.last if measured.best is measured.last else self.best.weights
        run = RunFolder(self.folder)
        write_weights(run.weights("last"), self.last)
        write_weights(run.weights("best"), best)
        write_arrays(run.predictions, self.task.arrays(measured.last, measured.best))
        taken, micro = self.trainer.global_step, self.config["trainer"]["accumulate_grad_batches"]
        found = {
            "metrics": measured.metrics,
            "diverged": self.task.diverged(measured.last),
            "chance": self.task.chance(self.spec),
            "best_epoch": self.best.epoch,
            "epochs": self.trainer.current_epoch,
            "steps": taken,
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            "treatment": self.treatment.report(self.learner.drops, taken, self.learner.steps, micro),
            "weights": {"last": weights_hash(self.last), "best": weights_hash(best)},
            "timing": self.timing(),
        }
        about = {"started": self.times[0], "attempts": self.checkpoint.attempts}
        return write_result(self.cell, run, self.device, found, about)

    def timing(self) -> dict[str, float]:
        """Seconds of setting up, of training (that of earlier attempts which was kept among it), of measuring, of all.

        Of the last attempt alone: writing checkpoints, from its fork to its first step, and from its last step on.
        """
        started, ready, fitted = self.times
        setup, measure = ready - started, time.time() - fitted
        train = fitted - ready + self.checkpoint.seconds
        return {
            "setup_seconds": setup,
            "train_seconds": train,
            "checkpoint_seconds": self.checkpoint.written,
            "measure_seconds": measure,
            "fork_to_first_step_seconds": self.checkpoint.first_step - self.cell.get("forked", started),
            "last_step_to_result_seconds": time.time() - self.checkpoint.last_step,
            "total_seconds": setup + train + measure,
        }


def show(trial: Trial, loggers: Sequence[AbstractLogger]) -> None:
    """Hand the figures of a finished cell to the loggers that show images."""
    showing = [each for each in loggers if not isinstance(each, Csv)]
    if not showing:
        return
    from dropgrid.measure.cell_figures import show_cell  # here: cells that show nothing need no matplotlib

    show_cell(showing, trial.folder, trial.cell["name"], trial.spec.classes, trial.splits.test)
