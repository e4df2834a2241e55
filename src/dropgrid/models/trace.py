"""The modules that a forward pass calls, in order, by a dry run on the meta device."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dropgrid.sites import with_inference

IMAGES = 2
"""Images in the batch of the dry run."""

Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]


class Call(NamedTuple):
    """A call of a module: its dotted name, the module, input and output; meta tensors, for identity and shape only."""

    name: str
    module: nn.Module
    input: Tensor
    output: Tensor


def trace_calls(network: nn.Module, size: Sequence[int]) -> list[Call]:
    """Return every call with one tensor in and one out, in the order in which they end, in eval mode without masks.

    `size` is the images' (C, H, W). A module that does nothing returns its input, so a layer's output `is` the input
    of the next module that does something.
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
