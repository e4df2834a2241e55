"""Send one row of numbers per epoch to every logger."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from dropgrid.callbacks.treatment import Treatment
from dropgrid.learner import AbstractLearner
from dropgrid.loggers.logger import AbstractLogger


class Metrics(Callback):
    """Pass the learner's epoch metrics and each site's realised dropped fraction to the loggers.

    The callback must come after `Treatment`, whose counts it reads.

    Args:
        shown: keys of the row that are printed to the log.
    """

    def __init__(self, loggers: Sequence[AbstractLogger], treatment: Treatment, shown: Iterable[str]):
        self.loggers = loggers
        self.treatment = treatment
        self.shown = [*shown]
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        for logger in self.loggers:
            logger.resume(self.rows)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, AbstractLearner)
        row = {**learner.epoch_metrics(), **self.treatment.epoch_fractions}
        self.rows.append(row)
        if trainer.is_global_zero:
            print(epoch_line(row, trainer.max_epochs, self.shown), flush=True)
        for logger in self.loggers:
            logger.log(row)


def epoch_line(row: Mapping[str, float], epochs: int | None, shown: Iterable[str]) -> str:
    """Return a row as the log shows it: `epoch 3/15  train/loss 0.2410  val/loss 0.3120`."""
    values = [f"{name} {row[name]:.4f}" for name in shown if name in row]
    return "  ".join([f"epoch {row['epoch'] + 1}/{epochs}", *values])
