"""One row of numbers an epoch, to every logger."""

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.callbacks.treatment import Treatment
from dropgrid.learner import Learner
from dropgrid.loggers.logger import AbstractLogger


class Metrics(Callback):
    """Hands the learner's epoch metrics and each site's realised dropped fraction to the loggers.

    Must stand after `Treatment` in the trainer's callbacks, whose counts it reads.
    """

    def __init__(self, loggers: Sequence[AbstractLogger], treatment: Treatment):
        self.loggers = loggers
        self.treatment = treatment
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        for logger in self.loggers:
            logger.resume(self.rows)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, Learner)
        row = {**learner.epoch_metrics(), **self.treatment.epoch_fractions}
        self.rows.append(row)
        if trainer.is_global_zero:
            print(words(row, trainer.max_epochs), flush=True)
        for logger in self.loggers:
            logger.log(row)


def words(row: Mapping[str, float], epochs: int | None) -> str:
    """A row as the log shows it: `epoch 3/15  train/loss 0.2410  val/acc 0.9120`."""
    shown = [f"{name} {row[name]:.4f}" for name in ("train/loss", "train/acc", "val/loss", "val/acc") if name in row]
    return "  ".join([f"epoch {row['epoch'] + 1}/{epochs}", *shown])
