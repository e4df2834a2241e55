"""The weights of the best validation epoch."""

import math
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dropgrid.learner import AbstractLearner


class Best(Callback):
    """Keep the network's weights of the first epoch with the highest value of a validation metric.

    Without a validation set it keeps none, and the last weights are used. The test set is not read.

    Args:
        metric: a key of the epoch's metrics; higher is better.
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.epoch = -1
        self.value = -math.inf
        self.weights: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epoch, self.value, self.weights = (state_dict[key] for key in ("epoch", "value", "weights"))

    def on_validation_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, AbstractLearner)
        value = learner.epoch_metrics().get(self.metric, self.value)
        if value > self.value:
            self.epoch, self.value = trainer.current_epoch, value
            self.weights = {k: v.detach().clone() for k, v in learner.network.state_dict().items()}
