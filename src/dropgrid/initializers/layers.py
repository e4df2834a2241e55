"""The weights that an initializer sets, with their fans."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dropgrid import checks

KINDS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)

Generators = Callable[[str], torch.Generator]
"""A parameter's name -> the generator of its numbers."""


class Weight(NamedTuple):
    """The weight of one layer.

    `name` is dotted, and the same whether the weight is parametrized or not. fan_in is the inputs to one unit, fan_out
    the units that one input reaches: channels (of a group) times the kernel's cells. The classifier is the last linear.
    """

    name: str
    layer: nn.Module
    fan_in: int
    fan_out: int
    groups: int
    classifier: bool

    @property
    def tensor(self) -> Tensor:
        """The tensor that `set` replaces, (out, in / groups, …): a parametrization's original, if of this shape."""
        beneath = raw_weight(self.layer)
        found: Tensor = self.layer.weight if beneath is None else beneath  # type: ignore[assignment]
        return found.detach()

    @torch.no_grad()
    def set(self, values: Tensor) -> None:
        """Replace the values; a weight kept as several tensors (weight norm) is set by its right inverse."""
        if raw_weight(self.layer) is None:
            self.layer.weight = values
        else:
            self.tensor.copy_(values)

    def zero(self) -> None:
        """Set the weight to 0.

        Raises:
            ValueError: the weight is kept as length and direction, and 0 has no direction.
        """
        if raw_weight(self.layer) is None:
            raise ValueError(f"{self.name} starts at 0 here, which weight normalization has no direction for")
        self.set(torch.zeros_like(self.tensor))


def raw_weight(layer: nn.Module) -> Tensor | None:
    """Return the tensor that is a layer's weight or its parametrization's original; None if there are several."""
    if not parametrize.is_parametrized(layer, "weight"):
        plain: Any = layer.weight
        return plain  # type: ignore[no-any-return]
    return getattr(layer.get_submodule("parametrizations.weight"), "original", None)


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions and linear layers by dotted name, in the model's order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, KINDS)}


def weights(model: nn.Module) -> Iterator[Weight]:
    """Iterate over the weights of convolutions and linear layers, in the model's order."""
    found = layers(model)
    classifier = next((name for name, module in reversed(found.items()) if isinstance(module, nn.Linear)), None)
    for name, module in found.items():
        beneath = raw_weight(module)
        shape: Any = (module.weight if beneath is None else beneath).shape
        groups = module.groups if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) else 1
        cells = math.prod(shape[2:])
        path = f"{name}.weight" if name else "weight"
        yield Weight(path, module, shape[1] * cells, shape[0] * cells // groups, groups, name == classifier)


def zero_biases(model: nn.Module) -> None:
    """Set the biases of convolutions and linear layers to 0."""
    for module in layers(model).values():
        if isinstance(module.bias, Tensor):
            nn.init.zeros_(module.bias)


@torch.no_grad()
def draw_like(like: Tensor, std: float, distribution: str, generator: torch.Generator) -> Tensor:
    """Return random numbers of mean 0 and deviation `std` in the shape of `like`: normal, or uniform on ±√3·std."""
    checks.one_of("init.distribution", distribution, ("normal", "uniform"))
    if distribution == "normal":
        return torch.empty_like(like).normal_(0, std, generator=generator)
    return torch.empty_like(like).uniform_(-(3**0.5) * std, 3**0.5 * std, generator=generator)
