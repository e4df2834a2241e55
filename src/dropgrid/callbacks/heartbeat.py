"""state.json: the progress of a running cell, which live views and the detection of hung cells read."""

import math
import os
import socket
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dropgrid.learner import AbstractLearner
from dropgrid.store.files import write_json
from dropgrid.store.layout import RunFolder

SECONDS_BETWEEN = 0.5


class Heartbeat(Callback):
    """Writes phase, epoch, step, loss, pid and host every N seconds; only then is the loss copied from the device.

    Phases: `training`, `validating`, `measuring`; a shorter validation is not reported.
    """

    def __init__(self, folder: Path, every: float = SECONDS_BETWEEN):
        self.path, self.every = RunFolder(folder).state, every
        self.last = 0.0
        self.state: dict[str, Any] = {}  # as last written

    def on_train_batch_end(
        self, trainer: Trainer, learner: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.due():
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            self.write(trainer, learner, "training", float(loss) if isinstance(loss, Tensor) else None)

    def on_validation_batch_end(self, trainer: Trainer, learner: LightningModule, *_: Any) -> None:
        if self.due():
            self.write(trainer, learner, "validating", None)

    def on_fit_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.write(trainer, learner, "measuring", None)

    def due(self) -> bool:
        """Predicate: the last sign of life is old enough for another."""
        return time.monotonic() - self.last >= self.every

    def beat(self) -> None:
        """Give a sign of life although nothing has changed."""
        if self.state and self.due():
            self.last = time.monotonic()
            write_json(self.path, self.state, durable=False)

    def write(self, trainer: Trainer, learner: LightningModule, phase: str, loss: float | None) -> None:
        """Write state.json."""
        self.last = time.monotonic()
        steps = learner.steps if isinstance(learner, AbstractLearner) else trainer.estimated_stepping_batches
        self.state = {
            **sign_of_life(phase),
            "epoch": trainer.current_epoch,
            "epochs": trainer.max_epochs,
            "step": trainer.global_step,
            "steps": int(steps) if math.isfinite(steps) else None,
            "loss": loss,
        }
        write_json(self.path, self.state, durable=False)


def sign_of_life(phase: str) -> dict[str, Any]:
    """Return what a running cell says of itself at least."""
    return {"phase": phase, "time": time.time(), "pid": os.getpid(), "host": socket.gethostname()}
