"""The interface of learners, and the LightningModule that trains a network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from dropgrid import streams
from dropgrid.data.preparation import Preparation, prepared
from dropgrid.errors import UserError
from dropgrid.lr_schedules.following import reads_validation
from dropgrid.sites import AbstractDropProb, AbstractRandom, drops
from dropgrid.tasks.objective import Objective

Batch = tuple[Tensor, Any]
"""Images, and targets of whatever shape the task has."""


class Penalty(Protocol):
    """See `dropgrid.penalties.none`."""

    def term(self, model: nn.Module) -> Tensor | float: ...

    def project(self, model: nn.Module) -> None: ...


class AbstractLearner(pl.LightningModule, ABC):
    """The interface of a LightningModule that a cell trains.

    Attributes:
        network: the network whose weights are saved, averaged and hashed.
        drops: the random sites of the network, by name.
        steps: optimizer steps of the whole training, set when it begins.
    """

    network: nn.Module
    drops: Mapping[str, AbstractRandom]
    steps: int

    @abstractmethod
    def epoch_metrics(self) -> dict[str, float]:
        """Return the epoch's row of numbers, `epoch` and `step` among them; read once its validation is over."""

    @abstractmethod
    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Any, Any]:
        """Return outputs and targets of a batch of inference."""


class Learner(AbstractLearner):
    """Train a network; every random number and every rate is a function of the step.

    Running sums of an epoch are in buffers of its own, because Lightning's are wrong after a mid-epoch resume.

    Args:
        network: (N, C, H, W) floats -> outputs.
        objective: the loss of a batch, and the running sums of an epoch.
        loss: (outputs, targets) -> scalar.
        optimizer: network -> torch optimizer.
        lr_schedule: (step, steps) -> factor on the optimizer's learning rate; a schedule with `reads_validation` also
            takes the metrics of the epochs validated so far.
        augment: (images, targets, generator=, context=) -> (images, targets), on device batches.
        penalty: added to the loss, and a projection after the step.
        prepare: function of the values of an image in [0, 1].
        classes: number of classes.
        seed: the seed of all streams.
        channels_last: the memory layout of the images on the device, (N, H, W, C), or else (N, C, H, W).
    """

    mean: Tensor
    std: Tensor
    center: Tensor | None
    whitening: Tensor | None
    train_sums: Tensor
    val_sums: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        objective: Objective[Any],
        loss: nn.Module,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        lr_schedule: Callable[..., float],
        augment: Callable[..., Batch],
        penalty: Penalty,
        prepare: Preparation,
        classes: int,
        seed: int,
        channels_last: bool = False,
    ):
        super().__init__()
        self.network = network
        self.objective = objective
        self.loss = loss
        self.make_optimizer = optimizer
        self.lr_schedule = lr_schedule
        self.augment = augment
        self.penalty = penalty
        self.classes = classes
        self.seed = seed
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.drops = drops(network)
        self.steps = 0
        self.counted = (-1, -1)  # the micro-batch that was counted last
        self.validated: list[dict[str, float]] = []  # of each epoch, the means of validation
        self.register_buffer("mean", prepare.mean.view(-1, 1, 1), persistent=False)
        self.register_buffer("std", prepare.std.view(-1, 1, 1), persistent=False)
        center, matrix = prepare.whitening or (None, None)
        self.register_buffer("center", center, persistent=False)
        self.register_buffer("whitening", matrix, persistent=False)
        for phase in ("train", "val"):
            self.register_buffer(
                f"{phase}_sums", torch.zeros(objective.sums(classes), dtype=torch.float64), persistent=False
            )

    def forward(self, images: Tensor) -> Any:
        """Return the network's outputs of uint8 images."""
        return self.network(self.normalize(images))

    def normalize(self, images: Tensor) -> Tensor:
        """Return uint8 images (N, C, H, W) as floats, prepared as `data.normalize` says."""
        whitening = None if self.center is None or self.whitening is None else (self.center, self.whitening)
        images = prepared(images, Preparation(self.mean, self.std, whitening))
        return images.to(memory_format=self.layout)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        sites = {name: self.total(torch.stack([d.dropped, d.seen])).tolist() for name, d in self.drops.items()}
        checkpoint["epoch_so_far"] = {"sums": self.total(self.train_sums), "sites": sites}
        checkpoint["validated"] = [*self.validated]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        so_far = checkpoint["epoch_so_far"]
        self.validated = [*checkpoint["validated"]]
        if self.global_rank:  # rank 0 goes on counting for all
            return
        self.train_sums.copy_(so_far["sums"])
        for name, (dropped, seen) in so_far["sites"].items():
            self.drops[name].dropped.fill_(dropped)
            self.drops[name].seen.fill_(seen)

    def total(self, counts: Tensor) -> Tensor:
        """Return the sum over all ranks, as a new tensor."""
        counts = counts.clone()
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(counts)
        return counts

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = self.make_optimizer(self.network)
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"] * group.get("lr_scale", 1.0)
        return optimizer

    def on_train_start(self) -> None:
        self.steps = int(self.trainer.estimated_stepping_batches)
        if reads_validation(self.lr_schedule) and not self.trainer.enable_validation:
            raise UserError("lr_schedule follows the validation metric, and there is no validation: data.val is 0")

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seen = [self.validated] if reads_validation(self.lr_schedule) else []
        factor = self.lr_schedule(self.global_step, self.steps, *seen)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = group["base_lr"] * factor

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        micro = batch_idx % self.trainer.accumulate_grad_batches
        self.seed_regularizers(micro)
        images, targets = batch
        generator = streams.generator(self.seed, "augment", self.global_step, micro, *self.rank, device=images.device)
        inputs, soft_targets = self.augment(self.normalize(images), targets, generator=generator, context=self)
        loss, outputs = self.objective.step(self.network, self.loss, inputs, soft_targets)
        if isinstance(term := self.penalty.term(self.network), Tensor):  # a number has no gradient
            loss = loss + term
        now = (self.global_step, micro)
        if now != self.counted:  # an optimizer may ask for a step's loss more than once
            self.objective.accumulate(self.train_sums, loss, outputs, targets)
            self.counted = now
        return loss

    @property
    def rank(self) -> tuple[int, ...]:
        """Return the part of a random key that depends on the rank: nothing for the first."""
        return (self.global_rank,) if self.global_rank else ()

    def seed_regularizers(self, micro: int) -> None:
        """Set rate and key of every site; inside the step, so that a closure evaluated twice uses the same masks."""
        progress, rank = self.global_step / max(1, self.steps - 1), self.rank
        for site, drop in self.drops.items():
            key = streams.key(self.seed, "regularizer", self.global_step, micro, drop.stream or site, *rank)
            drop.advance_hashed(drop.level_at(min(1.0, progress)), key)

    def seed_inference(self, batch: int) -> None:
        """Set full rates and the keys of a batch of inference, for sites that are random in inference too."""
        for site, drop in self.drops.items():
            drop.advance_hashed(drop.full_level, streams.key(self.seed, "inference", batch, drop.stream or site))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.penalty.project(self.network)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, targets = batch
        loss, outputs = self.objective.step(self.network, self.loss, self.normalize(images), targets)
        self.objective.accumulate(self.val_sums, loss, outputs, targets)

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Any, Any]:
        """Return outputs on the device, and unchanged targets.

        Sites with `inference` on drop here too, with keys that are functions of the batch number.
        """
        images, targets = batch
        self.seed_inference(batch_idx)
        return self(images.to(self.device)), targets

    def on_train_epoch_start(self) -> None:
        self.train_sums.zero_()

    def on_validation_epoch_start(self) -> None:
        self.val_sums.zero_()

    def on_validation_epoch_end(self) -> None:
        if reads_validation(self.lr_schedule):
            self.validated.append(self.means("val", self.val_sums))

    def drop_prob(self) -> float:
        """The highest current drop_prob of all sites."""
        return max((float(d.drop_prob) for d in self.drops.values() if isinstance(d, AbstractDropProb)), default=0.0)

    def epoch_metrics(self) -> dict[str, float]:
        drop_prob = self.drop_prob()
        return {
            "epoch": self.current_epoch,
            "step": self.global_step,
            **self.means("train", self.train_sums),
            **self.means("val", self.val_sums),
            "lr": self.trainer.optimizers[0].param_groups[0]["lr"],
            "keep_prob": 1 - drop_prob,
            "drop_prob": drop_prob,
        }

    def means(self, phase: str, sums: Tensor) -> dict[str, float]:
        """Return the means of what was accumulated, by name: `val/loss`."""
        return {f"{phase}/{name}": value for name, value in self.objective.means(sums.tolist()).items()}
