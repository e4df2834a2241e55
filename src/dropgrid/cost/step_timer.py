"""Time the beginning of a cell's real training, in a separate process."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.data.batches import batch_limit
from dropgrid.data.split import evenly
from dropgrid.instantiate import instantiate
from dropgrid.loggers.csv import Csv
from dropgrid.predict import predict
from dropgrid.store.files import write_json
from dropgrid.tasks.description import trains_itself
from dropgrid.training.own import OwnFit
from dropgrid.training.train import TRAIN_IMAGES_MEASURED, Trial

WARM_UP = 0.5
SECONDS = 2.0
PATIENCE = 3.0
"""Seconds of steps that do not count, of steps that do, and of waiting for an epoch's end."""

LEAST = 2
"""The fewest steps that are timed, however long they take."""

EVALUATION = 0.5
"""Seconds of evaluation that are timed, approximately."""


class StopTraining(Exception):
    """Ends the training of a probe."""


class StepTimer(Callback):
    """Times from one batch's start to the next: a step, or, across the end of an epoch, a turn.

    A turn is a step and all that happens at an epoch's end: validation, our callbacks, Lightning.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.turns: list[float] = []
        self.first: float | None = None
        self.begun: float | None = None
        self.last = 0.0

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        now = time.perf_counter()
        if self.first is None:
            self.first = self.last = now
            return
        if self.begun is None:
            if now - self.first >= WARM_UP:
                self.begun = self.last = synchronized(learner.device)
            return
        if self.over(now):
            now = synchronized(learner.device)
        (self.steps if batch_idx else self.turns).append(now - self.last)
        self.last = now
        if self.over(now):
            raise StopTraining

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self.begun is not None and self.steps and time.perf_counter() - self.begun > PATIENCE:
            raise StopTraining

    def over(self, now: float) -> bool:
        """Predicate: enough was timed, including an epoch's end if it comes within `PATIENCE` seconds."""
        assert self.begun is not None
        timed = len(self.steps) + len(self.turns) >= LEAST
        return timed and now - self.begun >= (SECONDS if self.turns else PATIENCE)


def synchronized(device: torch.device) -> float:
    """Wait until the device has finished its work; return the time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def time_training(cell: Mapping[str, Any], folder: Path) -> None:
    """Train for seconds and write `pace.json`: seconds of setup, of an epoch, and of the last measurements.

    Reads only training and validation images; the time of the test set is computed from its count of images.
    """
    if trains_itself(cell["config"]):
        write_json(folder / "pace.json", time_own_training(cell, folder))
        return
    start = time.perf_counter()
    about = {k: cell[k] for k in ("id", "name", "ablation", "row", "config")}
    watch = StepTimer()
    trial = Trial(cell, folder, [Csv(folder=folder, cell=about)], [watch])
    setup = time.perf_counter() - start
    begin, computed = time.perf_counter(), time.process_time()
    try:
        trial.fit()
    except StopTraining:
        pass
    fitted = time.perf_counter() - begin
    alone = cell["config"]["trainer"]["threads"] == 1 and not trial.workers and trial.device.type == "cpu"
    share = min(1.0, (time.process_time() - computed) / fitted) if alone and trial.ranks == 1 else None
    counted = [*watch.steps, *watch.turns]
    epochs = cell["config"]["trainer"]["max_epochs"]
    steps, validation = batches_of(trial)
    step = mean(watch.steps or counted) if counted else fitted / (epochs * steps)
    image = time_evaluation(trial, step / trial.data["batch_size"])
    turn = mean(watch.turns) if watch.turns else step + image * validation
    tests = -(-trial.spec.test // trial.data["eval_batch_size"])
    limit = batch_limit(trial.config["trainer"]["limit_test_batches"], tests)
    test_images = min(trial.spec.test, limit * trial.data["eval_batch_size"])
    measured = min(TRAIN_IMAGES_MEASURED, trial.spec.train) + 2 * test_images
    pace = {
        "setup": setup,
        "epoch": (steps - 1) * step + turn,
        "measure": image * measured,
        "batches": steps,
        "share": share,
    }
    write_json(folder / "pace.json", pace)


def time_own_training(cell: Mapping[str, Any], folder: Path) -> dict[str, float]:
    """Return the pace of a LightningModule of one's own; its test is counted as one more epoch's validation."""
    watch, start = StepTimer(), time.perf_counter()
    run = OwnFit(instantiate("task", cell["config"]["task"]), cell, folder, [], [watch])
    setup = time.perf_counter() - start
    try:
        run.fit()
    except StopTraining:
        pass
    batches = int(run.trainer.num_training_batches)
    step = mean(watch.steps or watch.turns or [0.0])
    turn = mean(watch.turns) if watch.turns else step
    return {"setup": setup, "epoch": (batches - 1) * step + turn, "measure": turn - step, "batches": batches}


def batches_of(trial: Trial) -> tuple[int, int]:
    """Return the batches of an epoch of training, and the images of one validation."""
    trainer = trial.config["trainer"]
    size, eval_size = trial.data["batch_size"], trial.data["eval_batch_size"]
    steps = batch_limit(trainer["limit_train_batches"], trial.spec.train // size)
    batches = -(-trial.spec.val // eval_size)
    limited = batch_limit(trainer["limit_val_batches"], batches) if batches else 0
    return steps, min(trial.spec.val, limited * eval_size)


def time_evaluation(trial: Trial, most: float) -> float:
    """Return the seconds to evaluate an image of the training set; `most` is the time of one in training."""
    trial.learner.to(trial.device)
    size = max(1, min(trial.data["eval_batch_size"], int(EVALUATION / most)))
    split = evenly(trial.splits.train, size)
    images = trial.batches(split, size)
    predict(trial.learner, trial.task, images)
    seen, begin = 0, synchronized(trial.device)
    while True:
        predict(trial.learner, trial.task, images)
        seen, elapsed = seen + len(split), synchronized(trial.device) - begin
        if elapsed >= EVALUATION:
            return elapsed / seen


def mean(values: list[float]) -> float:
    """Return the mean, not the median: occasional slow steps will occur again."""
    return sum(values) / len(values)
