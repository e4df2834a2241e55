"""The multi-layer perceptron."""

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from dropgrid.models.arguments import whole, whole_list
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Hidden(nn.Sequential):
    """act(norm(linear(x))), then what the regularizers put there; (N, inputs) -> (N, features)."""

    def __init__(self, parts: Parts, name: str, inputs: int, features: int, group: int):
        linear, norm = parts.linear(inputs, features)
        drop = parts.site(name, "hidden", group, group, linear=True)
        parts.weight(linear, f"{name}.linear", group, group)
        super().__init__(OrderedDict(linear=linear, norm=norm, act=parts.activation(), drop=drop))


class MLP(nn.Module):
    """Pixels in a row, hidden layers, linear classifier; (N, C, H, W) -> (N, classes).

    Every hidden layer is a group of its own, `layer1`, `layer2`, …

    Args:
        hidden: units of each hidden layer.
        shape: of an image, (C, H, W).
        classes: of the data.
        norm, activation: the axes' options.
        sites: the regularizer options, asked at every site.

    Source: the fully connected nets on MNIST of Srivastava et al., JMLR 2014, §6.1.1.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int],
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        whole_list("hidden", hidden)
        whole("classes", classes)
        self.groups = len(hidden)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=self.groups)
        self.drop_input = parts.site("input", "input")
        widths = [prod(shape), *hidden]
        for group in range(1, self.groups + 1):
            name = f"layer{group}"
            self.add_module(name, Hidden(parts, name, widths[group - 1], widths[group], group))
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(widths[-1], classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output = self.drop_input(input).flatten(1)
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output)
        output = self.fc(self.drop_head(output))
        return output
