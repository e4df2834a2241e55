"""What a diagnostic is given: a network at one moment, a batch of its own data, its loss.

An option is a function `(probe, **arguments) -> Found(measures, arrays)`, as evaluations have it; every argument's
default stands in the YAML, and beside them `images`, `steps` and `every`, which are not the function's: how many images
the batch has, and when it is measured. A sibling `figure_<option>.py` draws what it left.
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
"""What drops, or adds noise; none of it acts in a diagnosis."""


@dataclass(frozen=True)
class Probe:
    """A network and a batch: all that a diagnostic looks at, none of which it changes.

    Args:
        network: as it stands; diagnostics compute with a `replica`.
        images: floats (N, C, H, W), normalized as in training, not augmented.
        targets: int64 (N,).
        loss: (outputs, targets) -> scalar.
        seed: the cell's.
        lr: the optimizer's learning rate before any schedule; None where it has none.
    """

    network: nn.Module
    images: Tensor
    targets: Tensor
    loss: nn.Module
    seed: int
    lr: float | None = None

    def replica(self) -> nn.Module:
        """A copy in which norms use the batch's own statistics, as in training, and nothing drops."""
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
        """The loss of a replica on the batch, without penalties."""
        found: Tensor = self.loss(network(self.images), self.targets)
        return found

    def gradient_of(self, network: nn.Module) -> tuple[float, list[Tensor]]:
        """The loss, and its gradient in the order of `trained`."""
        loss = self.loss_of(network)
        return float(loss.detach()), gradients(loss, trained(network))

    def generator(self, *parts: object) -> torch.Generator:
        """The random numbers of one use, on the CPU; the same at every moment of training."""
        return streams.generator(self.seed, "diagnose", *parts)


def trained(network: nn.Module) -> list[nn.Parameter]:
    """The parameters that a training moves."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def gradients(output: Tensor, inputs: Sequence[Tensor], **more: Any) -> list[Tensor]:
    """The gradient with regard to each input, zeros where the output does not depend on it."""
    found = torch.autograd.grad(output, inputs, allow_unused=True, **more)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """All of them as one vector."""
    return torch.cat([each.flatten() for each in tensors])


@torch.no_grad()
def move(network: nn.Module, start: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> None:
    """Set a replica's trained parameters to start + step · direction."""
    for parameter, at, along in zip(trained(network), start, direction, strict=True):
        parameter.copy_(at + step * along)


def probe(learner: Learner, split: Split, *, images: int, lr: float | None = None) -> Probe:
    """The probe of a learner on the first images of its first epoch, whatever epoch it is in; at most all there are.

    Raises:
        ValueError: images is no whole number above 0.
    """
    count = min(checks.whole_number("images", images, 1), len(split))
    order = Order(len(split), learner.seed)
    loader = batches(split, count, order=order, drop_last=True, workers=0, device=learner.device)
    batch, targets = next(iter(loader))
    return Probe(learner.network, learner.normalize(batch), targets, learner.loss, learner.seed, lr)
