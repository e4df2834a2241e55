"""Building blocks of every network: norm, activation, and the regularizers at its sites."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from dropgrid.models import scalars
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.sites import Option, Site, modules_at

Norm = Callable[[Callable[..., nn.Module], int], tuple[nn.Module, nn.Module]]
"""(constructor of a conv or linear that takes `bias`, its output features) -> (the layer, what follows it)."""

Activation = Callable[[], nn.Module]


class Parts:
    """Factory of a network's layers and sites.

    Args:
        norm, activation: the axes' options.
        sites: the regularizer options, called in their order.
        groups, blocks: number of stages and residual blocks of the network.
        branch_scale: none, skipinit or fixup: the learned scalars of its residual branches.
    """

    def __init__(
        self,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option],
        groups: int,
        blocks: int,
        branch_scale: str = "none",
    ):
        self.norm = norm
        self.activation = activation
        self.sites = sites
        self.groups = groups
        self.blocks = blocks
        self.branch_scale = branch_scale

    def conv(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, bias: bool | None = None, **about: Any
    ) -> tuple[nn.Module, nn.Module]:
        """Return a convolution, padded so that stride 1 keeps the size, and its norm.

        `bias` says whether it has one where the norm, that does not follow at once, cannot; `about` are a `Conv2d`'s
        other arguments.
        """
        layer = partial(Conv2d, inputs, outputs, kernel, stride=stride, padding=kernel // 2, **about)
        return self.layer(layer, outputs, bias)

    def linear(self, inputs: int, outputs: int, bias: bool | None = None) -> tuple[nn.Module, nn.Module]:
        """Return a linear layer and its norm; `bias` as in `conv`."""
        return self.layer(partial(Linear, inputs, outputs), outputs, bias)

    def classifier(self, inputs: int, classes: int, norm: bool) -> tuple[nn.Module, nn.Module]:
        """Return a linear classifier, and its norm or the identity."""
        return self.linear(inputs, classes) if norm else (Linear(inputs, classes), nn.Identity())

    def layer(self, make: Callable[..., nn.Module], outputs: int, bias: bool | None) -> tuple[nn.Module, nn.Module]:
        """Return the layer that `make` constructs and its norm, which decides on the bias if `bias` does not."""
        if self.branch_scale == "fixup":
            bias = False
        return self.norm(make if bias is None else lambda **_: make(bias=bias), outputs)

    def norm_of(self, features: int) -> nn.Module:
        """Return a norm of `features` channels that follows no layer of its own."""
        return self.norm(partial(Conv2d, features, features, 1, device="meta"), features)[1]

    def shift(self) -> nn.Module:
        """Return the module before a convolution, the classifier or an activation: Fixup's scalar, or the identity."""
        return scalars.shift(self.branch_scale)

    def scale(self) -> nn.Module:
        """Return the module at the end of a residual branch: the scalar of SkipInit or Fixup, or the identity."""
        return scalars.scale(self.branch_scale)

    def site(
        self, name: str, place: str, group: int | None = None, block: int | None = None, **about: Any
    ) -> nn.Module:
        """Return the regularizers' module at a site, `nn.Identity` if none acts; `about`: other fields of `Site`."""
        return modules_at(self.sites, Site(name, place, group, self.groups, block, self.blocks, **about))

    def weight(
        self, layer: nn.Module, name: str, group: int | None = None, block: int | None = None, recurrent: bool = False
    ) -> None:
        """Let the regularizers act on a layer's weight.

        To them a `recurrent` one, which every step of a sequence uses, is no fully connected layer's.

        Raises:
            ValueError: two of them would act on one layer.
        """
        assert isinstance(layer, Conv2d | Linear), "the norms build the layer that they are given"
        linear = isinstance(layer, Linear) and not recurrent
        module = self.site(f"{name}.weight", "weight", group, block, linear=linear)
        if isinstance(module, nn.Sequential):
            raise ValueError(f"at most one regularizer can act on the weight of {name}, got {len(module)}")
        layer.through = module
