"""Checkpoints from which training goes on as if it had never stopped."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.data.batches import Order
from dropgrid.errors import STOPPED
from dropgrid.store import checkpoints

SHARE = 0.01
"""Of training time that writing checkpoints by the clock may take; what was asked for by steps is written."""

TOGETHER = 10.0
"""Seconds in which a second SIGTERM is the first one again."""


class Checkpoint(Callback):
    """Writes a checkpoint before a step, when one is due, and when SIGTERM asks the cell to stop.

    Before a step, because there alone Lightning's counters, the optimizer, our accumulators and the place in the data
    agree; the place is our own count of batches. Between optimizer steps no gradient is under way. Everything random
    is a function of the step, so nothing of it needs saving. A second SIGTERM ends the cell at once, unless it comes
    with the first: a signal to a whole process group or SLURM job reaches the cell, and again by its supervisor.

    Args:
        folder: the cell's.
        stamp: by what it is written (`dropgrid.store.environment.stamp`); only such a one is continued from.
        order: of the training images; told where to go on.
        minutes: between checkpoints, or longer where writing one takes more than 1 % of that; None is never.
        steps: a checkpoint every so many optimizer steps; None is never.
    """

    def __init__(self, folder: Path, stamp: str, order: Order, *, minutes: float | None, steps: int | None):
        self.folder, self.stamp, self.order = folder, stamp, order
        self.minutes, self.steps = minutes, steps
        self.seconds = 0.0  # of training, in attempts before this one
        self.attempts: list[dict[str, Any]] = [{"host": socket.gethostname(), "step": 0}]
        self.stopping, self.asked = False, 0.0
        self.writing = 0.0  # seconds that the last checkpoint took, and all of this attempt
        self.written = 0.0
        self.first_step, self.last_step = 0.0, 0.0  # when this attempt's first began and its last ended

    def on_train_start(self, trainer: Trainer, learner: LightningModule) -> None:
        self.began = self.last = time.monotonic()
        self.saved = trainer.global_step
        signal.signal(signal.SIGTERM, self.stop)  # after Lightning's own; it puts the one before back at the end

    def stop(self, *_: Any) -> None:
        """SIGTERM: stop before the next step; a second one at once."""
        if self.stopping and time.monotonic() - self.asked > TOGETHER:
            os._exit(STOPPED)
        self.asked = self.asked if self.stopping else time.monotonic()
        self.stopping = True

    def on_train_batch_end(self, *_: Any) -> None:
        self.last_step = time.time()

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        self.first_step = self.first_step or time.time()
        if batch_idx % trainer.accumulate_grad_batches:
            return
        step, self.batch = trainer.global_step, batch_idx
        write, stop = self.agreed(trainer, step > self.saved and (self.stopping or self.due(step)), self.stopping)
        if write:
            self.write(trainer)
        if stop:
            say(trainer, f"stopped before step {step}")
            raise SystemExit(STOPPED)

    @staticmethod
    def agreed(trainer: Trainer, *said: bool) -> tuple[bool, ...]:
        """What rank 0 says: clocks and signals are its alone, and the ranks write and stop together."""
        if trainer.world_size == 1:
            return said
        told = torch.tensor(said, dtype=torch.uint8, device=trainer.strategy.root_device)
        torch.distributed.broadcast(told, 0)
        return tuple(map(bool, told.tolist()))

    def due(self, step: int) -> bool:
        """Whether it is time for a checkpoint before this step."""
        if self.steps is not None and step % self.steps == 0:
            return True
        wait = None if self.minutes is None else max(60 * self.minutes, self.writing / SHARE)
        return wait is not None and time.monotonic() - self.last >= wait

    def write(self, trainer: Trainer) -> None:
        """A checkpoint of now."""
        start = time.monotonic()
        step = trainer.global_step
        if trainer.is_global_zero:
            path = checkpoints.write(self.folder, step, self.stamp, trainer.save_checkpoint)
            say(trainer, f"checkpoint before step {step}: {path.name}")
        else:
            trainer.save_checkpoint(self.folder)  # its part of the sums; rank 0 writes
        self.saved, self.last = step, time.monotonic()
        self.writing = self.last - start
        self.written += self.writing

    def trained(self) -> float:
        """Seconds of training so far, those of earlier attempts that were not lost among them."""
        return self.seconds + time.monotonic() - self.began

    def on_save_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["dropgrid"] = {
            "epoch": trainer.current_epoch,
            "batch": self.batch,
            "seconds": self.trained(),
            "attempts": self.attempts,
        }

    def on_load_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        found = checkpoint["dropgrid"]
        self.order.resume(found["epoch"], found["batch"])
        self.seconds = found["seconds"]
        self.attempts = [*found["attempts"], {"host": socket.gethostname(), "step": checkpoint["global_step"]}]
        say(trainer, f"continues before step {checkpoint['global_step']}")


def say(trainer: Trainer, text: str) -> None:
    """A line of the log, by rank 0."""
    if trainer.is_global_zero:
        print(text, flush=True)
