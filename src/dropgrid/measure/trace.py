"""The modules that a forward pass reaches, in its order: a dry run, nothing computed."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dropgrid.sites import with_inference

IMAGES = 2
"""In the dry run's batch."""

Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]


class Call(NamedTuple):
    """A module's dotted name, the module itself, and what went in and came out: on the meta device, to be compared
    by identity and asked for shapes.
    """

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor


def calls(network: nn.Module, size: Sequence[int]) -> list[Call]:
    """Every call that makes one tensor of one, by their ends, for images of `size` (C, H, W), in eval mode, no masks.

    What does nothing then gives back the tensor that it got: a layer's output `is` the input of what follows it.
    """
    own = dict(network.named_modules())
    found: list[Call] = []

    def leaves(name: str) -> Hook:
        def hook(_: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            if len(arguments) == 1 and isinstance(arguments[0], Tensor) and isinstance(output, Tensor):
                found.append(Call(name, own[name], arguments[0], output))

        return hook

    replica = with_inference(network, False).to("meta").eval()
    for name, module in replica.named_modules():
        module.register_forward_hook(leaves(name))
    with torch.no_grad():
        replica(torch.zeros(IMAGES, *size, device="meta"))
    return found
