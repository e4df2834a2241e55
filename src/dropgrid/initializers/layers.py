"""The weights that an initializer sets, with their fans."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)

Generators = Callable[[str], torch.Generator]
"""A parameter's name -> the generator of its numbers."""


class Weight(NamedTuple):
    """The weight of one layer.

    `name` is dotted, and the same whether the weight is parametrized or not. fan_in is the inputs to one unit, fan_out
    the units that one input reaches: channels (of a group) times the kernel's cells. The classifier is the last linear.
    """

    name: str
    tensor: Tensor
    fan_in: int
    fan_out: int
    classifier: bool


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """The convolutions and linear layers by dotted name, in the model's order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, KINDS)}


def weights(model: nn.Module) -> Iterator[Weight]:
    """The weights of convolutions and linear layers, in the model's order."""
    found = layers(model)
    classifier = next((name for name, module in reversed(found.items()) if isinstance(module, nn.Linear)), None)
    for name, module in found.items():
        # a parametrized weight is initialised beneath its parametrization
        beneath = parametrize.is_parametrized(module, "weight")
        tensor: Any = module.get_submodule("parametrizations.weight").original if beneath else module.weight
        groups = module.groups if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) else 1
        cells = math.prod(tensor.shape[2:])
        fan_in, fan_out = tensor.shape[1] * cells, tensor.shape[0] * cells // groups
        yield Weight(f"{name}.weight", tensor, fan_in, fan_out, name == classifier)


def zero_biases(model: nn.Module) -> None:
    """Set the biases of convolutions and linear layers to 0."""
    for module in layers(model).values():
        if isinstance(module.bias, Tensor):
            nn.init.zeros_(module.bias)


@torch.no_grad()
def draw(tensor: Tensor, std: float, distribution: str, generator: torch.Generator) -> None:
    """Fill a tensor with numbers of mean 0 and standard deviation `std`: normal, or uniform on ±√3·std."""
    if distribution == "normal":
        tensor.normal_(0, std, generator=generator)
    elif distribution == "uniform":
        tensor.uniform_(-(3**0.5) * std, 3**0.5 * std, generator=generator)
    else:
        raise ValueError(f"init.distribution must be normal or uniform, got {distribution!r}")
