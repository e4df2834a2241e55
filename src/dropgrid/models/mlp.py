"""The multi-layer perceptron."""

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Hidden(nn.Sequential):
    """act(norm(linear(x))), then the regularizers; (N, inputs) -> (N, features).

    With `post_norm` norm(act(linear(x))), of a linear layer with a bias.
    """

    def __init__(self, parts: Parts, name: str, inputs: int, features: int, group: int, post_norm: bool):
        linear, norm = parts.linear(inputs, features, bias=True if post_norm else None)
        drop = parts.site(name, "hidden", group, group, linear=True)
        parts.weight(linear, f"{name}.linear", group, group)
        layers = OrderedDict(linear=linear, norm=norm, act=parts.activation(), drop=drop)
        if post_norm:
            layers.move_to_end("norm")
            layers.move_to_end("drop")
        super().__init__(layers)


class MLP(nn.Module):
    """Flattened pixels, hidden layers, linear classifier; (N, C, H, W) -> (N, classes).

    Every hidden layer is a group of its own, `layer1`, `layer2`, …

    Args:
        hidden: units of each hidden layer; of none it is softmax regression.
        post_norm: the norm after the activation of each layer, not before it.
        norm_head: a norm after the classifier too.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Source: the fully connected nets on MNIST of Srivastava et al., JMLR 2014, §6.1.1.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int],
        post_norm: bool,
        norm_head: bool,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        if hidden != []:
            checks.whole_numbers("model.hidden", hidden)
        checks.whole_number("model.classes", classes, 1)
        checks.boolean("model.post_norm", post_norm)
        checks.boolean("model.norm_head", norm_head)
        self.groups = len(hidden)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=self.groups)
        self.drop_input = parts.site("input", "input")
        widths = [prod(shape), *hidden]
        for group in range(1, self.groups + 1):
            name = f"layer{group}"
            self.add_module(name, Hidden(parts, name, widths[group - 1], widths[group], group, post_norm))
        self.drop_head = parts.site("head", "head")
        self.fc, self.norm = parts.classifier(widths[-1], classes, norm_head)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop_input(input).flatten(1)
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output)
        output = self.norm(self.fc(self.drop_head(output)))
        return output
