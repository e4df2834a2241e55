"""A training that is looked at on its way, and ends where enough was seen."""

from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class Enough(Exception):
    """All was seen that was asked for."""


class Visits(Callback):
    """Calls `visit` with the number of steps taken, before each step and after the last; raises Enough after `last`."""

    def __init__(self, last: int, visit: Callable[[int], None]):
        self.last = last
        self.visit = visit
        self.reached = 0

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self.at(trainer.global_step)
            if trainer.global_step >= self.last:
                raise Enough

    def on_train_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.at(trainer.global_step)

    def at(self, step: int) -> None:
        """Visit a step, once."""
        self.reached = step
        self.visit(step)
