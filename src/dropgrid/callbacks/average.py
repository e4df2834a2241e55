"""Validate, test and keep averaged weights instead of the last ones."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dropgrid.learner import AbstractLearner, Batch


class AverageOption(Protocol):
    """See `dropgrid.averages.none`."""

    reestimate: bool

    def due(self, step: int, steps: int, per_epoch: int) -> bool: ...

    def update(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: int) -> None: ...


class Average(Callback):
    """Average the floating-point values of the network's state_dict; integers keep their last values.

    Validation uses the average once there is one; `settle` copies it into the network after training. The callback must
    come after `Best`, which keeps the validated weights.
    """

    def __init__(self, option: AverageOption):
        self.option = option
        self.averaged: dict[str, Tensor] = {}
        self.count = 0
        self.last: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"averaged": self.averaged, "count": self.count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.averaged, self.count = state_dict["averaged"], state_dict["count"]

    def on_train_batch_end(
        self, trainer: Trainer, learner: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        micro = trainer.accumulate_grad_batches
        batches = int(trainer.num_training_batches)
        if (batch_idx + 1) % micro and batch_idx + 1 < batches:
            return  # the next optimizer step is not complete
        assert isinstance(learner, AbstractLearner)
        if self.option.due(trainer.global_step, learner.steps, -(-batches // micro)):
            self.join(learner.network)

    @torch.no_grad()
    def join(self, network: nn.Module) -> None:
        """Add the network's weights to the average."""
        current = floating_state(network)
        if self.count == 0:
            self.averaged = {name: value.detach().clone() for name, value in current.items()}
        else:
            self.averaged = {name: self.averaged[name].to(value.device) for name, value in current.items()}
            self.option.update([*self.averaged.values()], [*current.values()], self.count)
        self.count += 1

    def on_validation_start(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, AbstractLearner)
        if self.count:
            self.last = {name: value.detach().clone() for name, value in floating_state(learner.network).items()}
            copy_weights(learner.network, self.averaged)

    def on_validation_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, AbstractLearner)
        if self.count:
            copy_weights(learner.network, self.last)

    @property
    def reestimates(self) -> bool:
        """Predicate: the norms' moving averages do not belong to the averaged weights and must be estimated again."""
        return bool(self.count) and self.option.reestimate

    def settle(self, learner: AbstractLearner) -> None:
        """Copy the average into the network."""
        if self.count:
            copy_weights(learner.network, self.averaged)


def floating_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the floating-point part of a network's state_dict."""
    return {name: value for name, value in network.state_dict().items() if value.is_floating_point()}


@torch.no_grad()
def copy_weights(network: nn.Module, values: dict[str, Tensor]) -> None:
    """Copy values into a network, by name."""
    for name, value in floating_state(network).items():
        value.copy_(values[name])


@torch.no_grad()
def reestimate(learner: AbstractLearner, batches: Iterable[Batch]) -> None:
    """Set every batch norm's moving averages to the plain means over these batches, all else in eval mode.

    Differs from `torch.optim.swa_utils.update_bn`: regularizers are off, as at inference.
    """
    norms = [module for module in learner.network.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    learner.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: the cumulative mean
        norm.train()
    for images, _ in batches:
        learner(images.to(learner.device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    learner.eval()
