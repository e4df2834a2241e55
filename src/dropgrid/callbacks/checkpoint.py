"""Checkpoints from which training continues bit-identically."""

import io
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.data.batches import Order
from dropgrid.errors import STOPPED
from dropgrid.store import checkpoints

SHARE = 0.01
"""Fraction of training time that checkpoints by the clock may take; checkpoints by steps are always written."""

TOGETHER = 10.0
"""Seconds within which a second SIGTERM counts as the first one, delivered twice."""


class Checkpoint(Callback):
    """Writes a checkpoint before a step, when one is due, and when SIGTERM asks the cell to stop.

    Before a step, because only there do Lightning's counters, the optimizer, our accumulators and the place in the data
    agree; the place is our own count of batches. Between optimizer steps no gradient is accumulated. Everything random
    is a function of the step, so nothing of it needs saving. A second SIGTERM ends the cell at once, unless it comes
    with the first: a signal to a whole process group or SLURM job reaches the cell, and again by its supervisor.

    Args:
        folder: the cell's.
        stamp: of the code and machine (`dropgrid.store.environment.stamp`); only checkpoints with it are resumed.
        order: of the training images; set to the place where training continues.
        cell: id of the cell; only its own checkpoints are resumed.
        passed_over: name -> why, of checkpoints that training does not continue from; recorded with the attempt.
        minutes: between checkpoints, or longer if writing one takes more than 1 % of that; None is never.
        steps: optimizer steps between checkpoints; None is never.
    """

    def __init__(
        self,
        folder: Path,
        stamp: str,
        order: Order,
        *,
        cell: str,
        passed_over: dict[str, str],
        minutes: float | None,
        steps: int | None,
    ):
        self.folder, self.stamp, self.order = folder, stamp, order
        self.cell, self.passed_over = cell, passed_over
        self.minutes, self.steps = minutes, steps
        self.seconds = 0.0  # of training, in attempts before this one
        self.earlier: list[dict[str, Any]] = []  # attempts
        self.resumed_at = 0
        self.started, self.continues = False, False  # once training has begun, and once a step of it is done
        self.stopping, self.asked = False, 0.0
        self.writing = 0.0  # seconds that the last checkpoint took, and all of this attempt
        self.written = 0.0
        self.first_step, self.last_step = 0.0, 0.0  # when this attempt's first began and its last ended

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """This attempt and those before it that were not lost: host, step it began at, checkpoints passed over."""
        passed_over = {"passed_over": dict(self.passed_over)} if self.passed_over else {}
        return [*self.earlier, {"host": socket.gethostname(), "step": self.resumed_at, **passed_over}]

    def on_train_start(self, trainer: Trainer, learner: LightningModule) -> None:
        self.started = True
        self.began = self.last = time.monotonic()
        self.saved = trainer.global_step
        trainer.strategy.checkpoint_io = IntoFile()
        signal.signal(signal.SIGTERM, self.stop)  # after Lightning's own; it puts the one before back at the end

    def stop(self, *_: Any) -> None:
        """Handle SIGTERM: stop before the next step; at a second one, end at once."""
        if self.stopping and time.monotonic() - self.asked > TOGETHER:
            os._exit(STOPPED)
        self.asked = self.asked if self.stopping else time.monotonic()
        self.stopping = True

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.last_step = time.time()
        self.continues = self.continues or trainer.global_step > self.resumed_at

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        self.first_step = self.first_step or time.time()
        if batch_idx % trainer.accumulate_grad_batches:
            return
        step, self.batch = trainer.global_step, batch_idx
        due = step > self.saved and (self.stopping or self.due(step))
        write, stop = self.decided_by_rank_0(trainer, due, self.stopping)
        if write:
            self.write(trainer)
        if stop:
            print_on_rank_0(trainer, f"stopped before step {step}")
            raise SystemExit(STOPPED)

    @staticmethod
    def decided_by_rank_0(trainer: Trainer, *own: bool) -> tuple[bool, ...]:
        """Return rank 0's decisions to all ranks, which write and stop together: clocks and signals differ."""
        if trainer.world_size == 1:
            return own
        decision = torch.tensor(own, dtype=torch.uint8, device=trainer.strategy.root_device)
        torch.distributed.broadcast(decision, 0)
        return tuple(map(bool, decision.tolist()))

    def due(self, step: int) -> bool:
        """Predicate: it is time for a checkpoint before this step."""
        if self.steps is not None and step % self.steps == 0:
            return True
        return due_by_clock(self.minutes, self.last, self.writing)

    def write(self, trainer: Trainer) -> None:
        """Write a checkpoint."""
        start = time.monotonic()
        step = trainer.global_step
        if trainer.is_global_zero:
            save: Any = trainer.save_checkpoint  # into an open file, see IntoFile
            path = checkpoints.write(self.folder, step, self.stamp, save, self.passed_over)
            print_on_rank_0(trainer, f"checkpoint before step {step}: {path.name}")
        else:
            trainer.save_checkpoint(self.folder)  # a collective operation; only rank 0 writes
        self.saved, self.last = step, time.monotonic()
        self.writing = self.last - start
        self.written += self.writing

    def trained(self) -> float:
        """Return the seconds of training so far, including those of earlier attempts that were not lost."""
        return self.seconds + time.monotonic() - self.began

    def on_save_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["dropgrid"] = {
            "cell": self.cell,
            "epoch": trainer.current_epoch,
            "batch": self.batch,
            "seconds": self.trained(),
            "attempts": self.attempts,
        }

    def on_load_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.refuse_incomplete(trainer, checkpoint)
        found = checkpoint["dropgrid"]
        self.order.resume(int(found["epoch"]), int(found["batch"]))
        self.seconds = float(found["seconds"])
        self.earlier, self.resumed_at = list(found["attempts"]), int(checkpoint["global_step"])
        print_on_rank_0(trainer, f"continues before step {self.resumed_at}")

    def refuse_incomplete(self, trainer: Trainer, checkpoint: dict[str, Any]) -> None:
        """Raise ValueError for a checkpoint of another cell, or without a part that Lightning would do without."""
        if checkpoint["dropgrid"]["cell"] != self.cell:
            raise ValueError(f"it is of the cell {checkpoint['dropgrid']['cell']}")
        missing = [part for part in ("loops", "optimizer_states") if not checkpoint.get(part)]
        states = {each.state_key for each in trainer.callbacks if each.state_dict()}  # type: ignore[attr-defined]
        if missing := missing + sorted(states - set(checkpoint["callbacks"])):
            raise ValueError(f"it has no {missing[0]}")


def due_by_clock(minutes: float | None, last: float, writing: float) -> bool:
    """Predicate: so many minutes have passed since the last checkpoint, or more if writing it took over 1 % of that."""
    return minutes is not None and time.monotonic() - last >= max(60 * minutes, writing / SHARE)


class IntoFile(TorchCheckpointIO):
    """Writes into the open file that `trainer.save_checkpoint` is given: Lightning opens paths itself, and others.

    A path is written as Lightning does: it is that of a stranger's callback, such as ModelCheckpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if not hasattr(path, "write"):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        buffer = io.BytesIO()  # first: torch ends the process if the disk is full
        torch.save(checkpoint, buffer)
        path.write(buffer.getbuffer())


def print_on_rank_0(trainer: Trainer, text: str) -> None:
    """Print a line to the log, on rank 0 only."""
    if trainer.is_global_zero:
        print(text, flush=True)
