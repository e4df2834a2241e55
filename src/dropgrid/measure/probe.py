"""The argument of a diagnostic: a network at one step of training, a batch of its data, and its loss.

An option is a function `(probe, **arguments) -> MeasureResult(measures, arrays)`. Its YAML holds the default of every
argument, and `images`, `steps` and `every`, which are not arguments of the function: the size of the batch, and when
the diagnostic runs. The module `figure_<option>.py` beside it draws the arrays.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid import checks, streams
from dropgrid.data.batches import Order, batches
from dropgrid.data.split import Split
from dropgrid.learner import Learner
from dropgrid.sites import AbstractRandom

COMMON = ("images", "steps", "every")
"""Keys of an option that are not its function's arguments."""

RANDOM = (AbstractRandom, nn.modules.dropout._DropoutNd)
"""Modules that drop or add noise; they are switched off in a diagnosis."""


@dataclass(frozen=True)
class Probe:
    """A network and a batch, which a diagnostic reads and does not change.

    Args:
        network: the network itself; diagnostics work on a `replica`.
        images: floats (N, C, H, W), normalized as in training, not augmented.
        targets: int64 (N,), or masks (N, H, W).
        loss: (outputs, targets) -> scalar.
        seed: the cell's seed.
        lr: the optimizer's learning rate before any schedule; None if it has none.
    """

    network: nn.Module
    images: Tensor
    targets: Tensor
    loss: nn.Module
    seed: int
    lr: float | None = None

    def replica(self) -> nn.Module:
        """Return a copy in train mode, in which norms use the batch's statistics and nothing drops."""
        network = copy.deepcopy(self.network).train()
        for module in network.modules():
            if isinstance(module, RANDOM):
                module.eval()
            if isinstance(module, AbstractRandom):
                module.inference = False
        for parameter in network.parameters():
            parameter.grad = None
        return network

    def loss_of(self, network: nn.Module) -> Tensor:
        """Return the loss of a replica on the batch, without penalties."""
        found: Tensor = self.loss(network(self.images), self.targets)
        return found

    def gradient_of(self, network: nn.Module) -> tuple[float, list[Tensor]]:
        """Return the loss, and its gradient in the order of `trainable_parameters`."""
        loss = self.loss_of(network)
        return float(loss.detach()), gradients(loss, trainable_parameters(network))

    def generator(self, *parts: object) -> torch.Generator:
        """Return a CPU generator for one use, with the same random numbers at every step of training."""
        return streams.generator(self.seed, "diagnose", *parts)


def trainable_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that require a gradient."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def gradients(output: Tensor, inputs: Sequence[Tensor], **more: Any) -> list[Tensor]:
    """Return the gradient with respect to each input, zeros if the output does not depend on it."""
    found = torch.autograd.grad(output, inputs, allow_unused=True, **more)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def flatten_all(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors as one vector."""
    return torch.cat([each.flatten() for each in tensors])


@torch.no_grad()
def move_parameters(network: nn.Module, start: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> None:
    """Set a replica's trained parameters to start + step · direction."""
    for parameter, at, along in zip(trainable_parameters(network), start, direction, strict=True):
        parameter.copy_(at + step * along)


def make_probe(learner: Learner, split: Split, *, images: int, lr: float | None = None) -> Probe:
    """Return the probe of a learner on the first `images` images of its first epoch, or all if there are fewer.

    Raises:
        ValueError: images is not a whole number above 0.
    """
    count = min(checks.whole_number("images", images, 1), len(split))
    order = Order(len(split), learner.seed)
    loader = batches(split, count, order=order, drop_last=True, workers=0, device=learner.device)
    batch, targets = next(iter(loader))
    return Probe(learner.network, learner.normalize(batch), targets, learner.loss, learner.seed, lr)
