"""A network of three convolutions for CIFAR-10."""

from collections.abc import Sequence

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.mlp import Hidden
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Conv(nn.Module):
    """Convolution 5×5, norm, activation, regularizers, and a 3×3 pooling of stride 2.

    With `post_norm` the norm comes after the activation, and the convolution has a bias.
    """

    def __init__(
        self, parts: Parts, name: str, inputs: int, outputs: int, group: int, pool: nn.Module, post_norm: bool
    ):
        super().__init__()
        self.conv, self.norm = parts.conv(inputs, outputs, 5, bias=True if post_norm else None)
        parts.weight(self.conv, f"{name}.conv", group, group)
        self.act = parts.activation()
        self.drop = parts.site(name, "conv", group, group)
        self.pool = pool
        self.post_norm = post_norm

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.conv(input)
        output = self.norm(self.act(output)) if self.post_norm else self.act(self.norm(output))
        output = self.pool(self.drop(output))
        return output


class CifarQuick(nn.Module):
    """Three 5×5 convolutions, each pooled to half the size, a hidden linear layer, a linear classifier.

    (N, C, H, W) -> (N, classes). The first pooling takes the maximum, the others the mean. Each convolution and the
    hidden layer is a group of its own, `layer1` to `layer4`.

    Args:
        widths: channels of the three convolutions.
        hidden: units of the hidden layer.
        post_norm: the norm after the activation of each layer, not before it.
        norm_head: a norm after the classifier too.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Source: Caffe's `cifar10_quick`, itself after Krizhevsky's cuda-convnet. Differs from it: the first activation
    stands before the pooling (for a maximum and ReLU the same), and the hidden layer, linear there, has a norm and an
    activation.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        hidden: int,
        post_norm: bool,
        norm_head: bool,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.whole_numbers("model.widths", widths)
        checks.whole_number("model.hidden", hidden, 1)
        checks.whole_number("model.classes", classes, 1)
        checks.boolean("model.post_norm", post_norm)
        checks.boolean("model.norm_head", norm_head)
        if len(widths) != 3:
            raise ValueError(f"model.widths lists the channels of three convolutions, got {list(widths)}")
        self.groups = 4
        parts = Parts(norm, activation, sites, groups=4, blocks=4)
        channels, *size = shape
        self.drop_input = parts.site("input", "input")
        inputs = channels
        for group, width in enumerate(widths, 1):
            pool = nn.MaxPool2d(3, 2, ceil_mode=True) if group == 1 else nn.AvgPool2d(3, 2, ceil_mode=True)
            self.add_module(f"layer{group}", Conv(parts, f"layer{group}", inputs, width, group, pool, post_norm))
            inputs = width
            size = [pooled_size(each) for each in size]
        self.layer4 = Hidden(parts, "layer4", inputs * size[0] * size[1], hidden, 4, post_norm)
        self.drop_head = parts.site("head", "head")
        self.fc, self.norm = parts.classifier(hidden, classes, norm_head)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop_input(input)
        for group in range(1, 4):
            output = getattr(self, f"layer{group}")(output)
        output = self.norm(self.fc(self.drop_head(self.layer4(output.flatten(1)))))
        return output


def pooled_size(size: int) -> int:
    """Return the number of cells after a 3×3 pooling of stride 2 in ceil mode; ValueError if nothing is left."""
    if size < 3:
        raise ValueError(
            f"model=cifar_quick pools three times and needs images of 12×12 or more; a map of {size} is left"
        )
    return -(-(size - 3) // 2) + 1
