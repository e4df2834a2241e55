"""What a network is made with, whatever its architecture: norm, activation, and the regularizers asked at its sites."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from dropgrid.models.layers import Conv2d, Linear
from dropgrid.sites import Option, Site, modules_at

Norm = Callable[[Callable[..., nn.Module], int], tuple[nn.Module, nn.Module]]
"""(constructor of a conv or linear that takes `bias`, its output features) -> (the layer, what follows it)."""

Activation = Callable[[], nn.Module]


class Parts:
    """Makes a network's layers and sites.

    Args:
        norm, activation: the axes' options.
        sites: the regularizer options, asked in their order.
        groups, blocks: how many stages and residual blocks the network has.
    """

    def __init__(self, norm: Norm, activation: Activation, sites: Sequence[Option], groups: int, blocks: int):
        self.norm = norm
        self.activation = activation
        self.sites = sites
        self.groups = groups
        self.blocks = blocks

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
        """A convolution, padded so that stride 1 keeps the size, and its norm."""
        return self.norm(partial(Conv2d, inputs, outputs, kernel, stride=stride, padding=kernel // 2), outputs)

    def linear(self, inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
        """A hidden linear layer and its norm."""
        return self.norm(partial(Linear, inputs, outputs), outputs)

    def site(
        self, name: str, place: str, group: int | None = None, block: int | None = None, **about: Any
    ) -> nn.Module:
        """What the regularizers put at a site: `nn.Identity` where none acts; `about` are a `Site`'s other fields."""
        return modules_at(self.sites, Site(name, place, group, self.groups, block, self.blocks, **about))

    def weight(self, layer: nn.Module, name: str, group: int | None = None, block: int | None = None) -> None:
        """Let the regularizers act on a layer's weight.

        Raises:
            ValueError: two of them would act on one layer.
        """
        assert isinstance(layer, Conv2d | Linear), "the norms build the layer that they are given"
        linear = isinstance(layer, Linear)
        module = self.site(f"{name}.weight", "weight", group, block, linear=linear)
        if isinstance(module, nn.Sequential):
            raise ValueError(f"{len(module)} regularizers act on the weight of {name}; one at a time can")
        layer.through = module
