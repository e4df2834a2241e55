"""Callbacks with which a diagnostic measures a training at some steps, and ends it early."""

from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dropgrid.learner import Learner


class StopTraining(Exception):
    """Raised to end a training once everything requested is measured."""


class StepVisitor(Callback):
    """Call `visit` with the number of steps taken, before each step and at the end; raise StopTraining after `last`."""

    def __init__(self, last: int, visit: Callable[[int], None]):
        self.last = last
        self.visit = visit
        self.reached = 0

    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self.at(trainer.global_step)
            if trainer.global_step >= self.last:
                raise StopTraining

    def on_train_end(self, trainer: Trainer, learner: LightningModule) -> None:
        self.at(trainer.global_step)

    def at(self, step: int) -> None:
        """Visit a step, once."""
        self.reached = step
        self.visit(step)


class LossWatcher(Callback):
    """Call `watch` with each optimizer step and its batch's loss before it; raise StopTraining when it returns True.

    If an optimizer evaluates a step's loss more than once, the first value is reported.
    """

    def __init__(self, watch: Callable[[int, float], bool]):
        self.watch = watch
        self.before: Tensor | float = 0.0  # the running sums of the epoch

    def on_train_epoch_start(self, trainer: Trainer, learner: LightningModule) -> None:
        self.before = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, learner: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches and batch_idx + 1 < trainer.num_training_batches:
            return  # between two steps
        assert isinstance(learner, Learner)
        sums = learner.train_sums.clone()
        loss = learner.objective.means((sums - self.before).tolist())["loss"]
        self.before = sums
        if self.watch(trainer.global_step - 1, loss):
            raise StopTraining
