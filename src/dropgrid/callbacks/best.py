"""The weights of the best validation epoch."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dropgrid.learner import Learner


class Best(Callback):
    """Keeps the network's weights at its highest validation accuracy; of equals the earliest. Without a validation
    set it keeps none, and the last stand for them.

    The test set plays no part in the choice.
    """

    def __init__(self) -> None:
        self.epoch = -1
        self.accuracy = -1.0
        self.weights: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "accuracy": self.accuracy, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epoch, self.accuracy, self.weights = (state_dict[key] for key in ("epoch", "accuracy", "weights"))

    def on_validation_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, Learner)
        accuracy = learner.epoch_metrics().get("val/acc", self.accuracy)
        if accuracy > self.accuracy:
            self.epoch, self.accuracy = trainer.current_epoch, accuracy
            self.weights = {k: v.detach().clone() for k, v in learner.network.state_dict().items()}
