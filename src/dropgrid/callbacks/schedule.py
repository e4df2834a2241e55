"""Scheduled drop layers in a network outside dropgrid's own training."""

from math import inf
from typing import Any

import pytorch_lightning as pl
from torch import nn

from dropgrid import checks
from dropgrid.sites import AbstractRandom


def advance(model: nn.Module, progress: float) -> None:
    """Set every drop layer of dropgrid's in `model` to its level at a progress of training, from 0 to 1.

    A layer's level is progress × drop_prob with `schedule="linear"`, drop_prob with `"constant"`. In a training loop:
    `advance(model, step / max(1, steps - 1))` before each forward pass.

    Raises:
        ValueError: progress is outside [0, 1].
    """
    checks.number("progress", float(progress), least=0, most=1)
    for layer in model.modules():
        if isinstance(layer, AbstractRandom):
            layer.level.fill_(layer.level_at(progress))


class DropSchedule(pl.Callback):
    """`advance` as a Lightning callback: `Trainer(callbacks=[DropSchedule()])`; progress counts optimizer steps.

    Args:
        steps: optimizer steps of the fit. None takes Lightning's number, which is unknown for a loader without a
            length and for `max_epochs=-1` without `max_steps`.

    Raises:
        ValueError: steps is below 1, or, at the first batch, None although Lightning does not know the number.
    """

    def __init__(self, steps: int | None = None):
        self.steps = None if steps is None else checks.whole_number("steps", steps, 1)

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        steps = trainer.estimated_stepping_batches if self.steps is None else self.steps
        if not 0 < steps < inf:
            raise ValueError("Lightning does not know how many steps this fit has: give DropSchedule(steps=…)")
        advance(module, min(1.0, trainer.global_step / max(1, int(steps) - 1)))
