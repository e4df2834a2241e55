"""The weights that an initializer sets, with their fans."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class Weight(NamedTuple):
    """One layer's weight: its dotted name, the tensor, its fans, and whether it is the classifier's (the last linear)."""

    name: str
    tensor: Tensor
    fan_in: int
    fan_out: int
    classifier: bool


def weights(model: nn.Module) -> Iterator[Weight]:
    """The weights of convolutions and linear layers, in the model's order; their biases are set to 0 on the way.

    fan_in = inputs to one unit, fan_out = units one input reaches: channels (of a group) times the kernel's cells.
    """
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, KINDS)]
    classifier = next((module for _, module in reversed(layers) if isinstance(module, nn.Linear)), None)
    for name, module in layers:
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        # a parametrized weight is initialised beneath its parametrization
        beneath = getattr(module, "parametrizations", None)
        tensor = beneath["weight"].original if beneath is not None and "weight" in beneath else module.weight
        cells = tensor[0, 0].numel() if tensor.dim() > 2 else 1
        groups = getattr(module, "groups", 1)
        fan_in, fan_out = tensor.shape[1] * cells, tensor.shape[0] * cells // groups
        yield Weight(f"{name}.weight", tensor, fan_in, fan_out, module is classifier)


@torch.no_grad()
def draw(tensor: Tensor, std: float, distribution: str, generator: torch.Generator) -> None:
    """Fill a tensor with numbers of mean 0 and standard deviation `std`: normal, or uniform on ±√3·std."""
    if distribution == "normal":
        tensor.normal_(0, std, generator=generator)
    elif distribution == "uniform":
        tensor.uniform_(-(3**0.5) * std, 3**0.5 * std, generator=generator)
    else:
        raise ValueError(f"init.distribution must be normal or uniform, got {distribution!r}")


Generators = Callable[[str], torch.Generator]
"""A parameter's name -> the generator of its numbers."""
