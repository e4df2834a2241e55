"""What a network is made with, whatever its architecture: norm, activation, and the regularizers asked at its sites."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn
from torch.nn.utils import parametrize

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
        return self.norm(partial(nn.Conv2d, inputs, outputs, kernel, stride=stride, padding=kernel // 2), outputs)

    def site(self, name: str, place: str, group: int | None = None, block: int | None = None) -> nn.Module:
        """What the regularizers put at a site: `nn.Identity` where none acts."""
        return modules_at(self.sites, Site(name, place, group, self.groups, block, self.blocks))

    def weight(self, layer: nn.Module, name: str, group: int | None = None, block: int | None = None) -> None:
        """Let the regularizers parametrize a layer's weight."""
        module = self.site(f"{name}.weight", "weight", group, block)
        if not isinstance(module, nn.Identity):
            # unsafe skips torch's trial call, which would draw a mask and count it as dropped in training
            parametrize.register_parametrization(layer, "weight", module, unsafe=True)
