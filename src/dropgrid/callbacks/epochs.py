"""Rows and checkpoints between the epochs of a LightningModule of one's own."""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from dropgrid.callbacks.checkpoint import IntoFile, due_by_clock
from dropgrid.callbacks.heartbeat import Heartbeat
from dropgrid.errors import STOPPED
from dropgrid.loggers.logger import AbstractLogger
from dropgrid.store import checkpoints


class Epochs(Checkpoint):
    """After each epoch a row for the loggers; before each but the first a checkpoint, if one is due.

    Between epochs the place in the data is the number of the epoch, and schedulers have made their step. The state of
    the random generators is saved too: Python's, numpy's, torch's, and those of the loaders and their samplers.
    Lightning calls a `Checkpoint` after the module's own hook at an epoch's end, in which it may log.

    Args:
        place: the cell's folder.
        stamp: of the code and machine; only checkpoints with it are resumed.
        loggers: each gets a row an epoch, what the module has logged by then.
        heartbeat: beats during the test too.
        passed_over: name -> why, of checkpoints that training does not continue from.
        minutes: between checkpoints, or longer if writing one takes more than 1 % of that; None is never.
        steps: write one after an epoch in which a multiple of this step was passed; None is never.
    """

    def __init__(
        self,
        place: Path,
        stamp: str,
        loggers: Sequence[AbstractLogger],
        heartbeat: Heartbeat,
        passed_over: dict[str, str],
        minutes: float | None,
        steps: int | None,
    ):
        self.place, self.stamp = place, stamp
        self.loggers, self.heartbeat, self.passed_over = loggers, heartbeat, passed_over
        self.minutes, self.steps = minutes, steps
        self.rows: list[dict[str, float]] = []
        self.seconds, self.resumed_at, self.saved, self.writing = 0.0, 0, 0, 0.0
        self.random: dict[str, Any] | None = None
        self.began, self.saving = False, False

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "random": self.random, "seconds": self.seconds + time.monotonic() - self.since}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.random, self.seconds = (state_dict[key] for key in ("rows", "random", "seconds"))
        for logger in self.loggers:
            logger.resume(self.rows)

    def on_save_checkpoint(self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self.saving:  # a stranger's callback does
            return
        for key in [key for key in checkpoint if key.endswith("hyper_parameters")]:  # objects; the config has them
            del checkpoint[key]
        for progress in ("total", "current"):  # as between two epochs: that which begins is not begun
            checkpoint["loops"]["fit_loop"]["epoch_progress"][progress]["ready"] -= 1

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.since = self.last = time.monotonic()
        self.resumed_at = self.saved = trainer.global_step
        if self.rows:
            print(f"continues before step {self.resumed_at}", flush=True)
        trainer.strategy.checkpoint_io = IntoFile()
        signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))  # after Lightning's own

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        if self.random is not None and not self.began:
            set_random_state(self.random, generators(trainer))
            # it has begun to read already, with other random numbers; now it begins again, as without a checkpoint
            trainer.fit_loop._resuming_from_checkpoint = False
        elif trainer.current_epoch and self.due(trainer.global_step):
            self.write(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.began = True

    def on_test_batch_end(self, *_: Any) -> None:
        self.heartbeat.beat()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        place = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row = {**place, **numbers_of(trainer), **place}  # a module may log numbers of these names
        self.rows.append(row)
        print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  step {trainer.global_step}", flush=True)
        for logger in self.loggers:
            logger.log(row)

    def write(self, trainer: Trainer) -> None:
        """Write a checkpoint."""
        self.random = random_state(generators(trainer))
        begin = time.monotonic()
        save: Callable[..., Any] = trainer.save_checkpoint  # into an open file, see IntoFile
        self.saving = True
        try:
            path = checkpoints.write(self.place, trainer.global_step, self.stamp, save, self.passed_over)
        finally:
            self.saving = False
        print(f"checkpoint before epoch {trainer.current_epoch + 1}: {path.name}", flush=True)
        self.last, self.saved = time.monotonic(), trainer.global_step
        self.writing = self.last - begin

    def due(self, step: int) -> bool:
        """Predicate: it is time for a checkpoint."""
        if self.steps is not None and step // self.steps > self.saved // self.steps:
            return True
        return due_by_clock(self.minutes, self.last, self.writing)


def numbers_of(trainer: Trainer) -> dict[str, float]:
    """Return what a module has logged, as numbers."""
    return {name: float(value) for name, value in trainer.callback_metrics.items() if value.numel() == 1}


def generators(trainer: Trainer) -> list[torch.Generator]:
    """Return the random generators of the training loaders and their samplers, each once."""
    found: list[torch.Generator] = []
    loaders = trainer.train_dataloader
    parts = loaders.values() if isinstance(loaders, Mapping) else loaders if isinstance(loaders, list) else [loaders]
    for loader in parts:
        batches = getattr(loader, "batch_sampler", None)
        for each in (loader, getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None)):
            generator = getattr(each, "generator", None)
            if isinstance(generator, torch.Generator) and not any(generator is one for one in found):
                found.append(generator)
    return found


def random_state(of_loaders: Sequence[torch.Generator]) -> dict[str, Any]:
    """Return the state of all random generators, as plain numbers and tensors."""
    version, numbers, gauss = random.getstate()
    of_numpy: Any = np.random.get_state()  # the global one, which a stranger's code may use
    name, keys, *rest = of_numpy
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "loaders": [each.get_state() for each in of_loaders],
    }


def set_random_state(found: Mapping[str, Any], of_loaders: Sequence[torch.Generator]) -> None:
    """Set all random generators to an earlier state."""
    version, numbers, gauss = found["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = found["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(found["torch"])
    if found["cuda"]:
        torch.cuda.set_rng_state_all(found["cuda"])
    for each, state in zip(of_loaders, found["loaders"], strict=True):
        each.set_state(state)
