"""A net of three convolutions for CIFAR-10."""

from collections.abc import Sequence

from torch import Tensor, nn

from dropgrid.models.arguments import whole, whole_list
from dropgrid.models.layers import Linear
from dropgrid.models.mlp import Hidden
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Conv(nn.Module):
    """conv 5×5, norm, activation, what the regularizers put there, and a 3×3 pooling of stride 2."""

    def __init__(self, parts: Parts, name: str, inputs: int, outputs: int, group: int, pool: nn.Module):
        super().__init__()
        self.conv, self.norm = parts.conv(inputs, outputs, 5)
        parts.weight(self.conv, f"{name}.conv", group, group)
        self.act = parts.activation()
        self.drop = parts.site(name, "conv", group, group)
        self.pool = pool

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.pool(self.drop(self.act(self.norm(self.conv(input)))))
        return output


class CifarQuick(nn.Module):
    """Three 5×5 convolutions, each pooled to half the size, a hidden linear layer, a linear classifier.

    (N, C, H, W) -> (N, classes). The first pooling takes the maximum, the others the mean. Each convolution and the
    hidden layer is a group of its own, `layer1` to `layer4`.

    Args:
        widths: channels of the three convolutions.
        hidden: units of the hidden layer.
        shape: of an image, (C, H, W).
        classes: of the data.
        norm, activation: the axes' options.
        sites: the regularizer options, asked at every site.

    Source: Caffe's `cifar10_quick`, itself after Krizhevsky's cuda-convnet. Differs from it: the first activation
    stands before the pooling (for a maximum and ReLU the same), and the hidden layer, linear there, has a norm and an
    activation.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        hidden: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        whole_list("widths", widths)
        whole("hidden", hidden)
        whole("classes", classes)
        if len(widths) != 3:
            raise ValueError(f"model.widths lists the channels of three convolutions, got {list(widths)}")
        self.groups = 4
        parts = Parts(norm, activation, sites, groups=4, blocks=4)
        channels, *size = shape
        self.drop_input = parts.site("input", "input")
        inputs = channels
        for group, width in enumerate(widths, 1):
            pool = nn.MaxPool2d(3, 2, ceil_mode=True) if group == 1 else nn.AvgPool2d(3, 2, ceil_mode=True)
            self.add_module(f"layer{group}", Conv(parts, f"layer{group}", inputs, width, group, pool))
            inputs = width
            size = [pooled(each) for each in size]
        self.layer4 = Hidden(parts, "layer4", inputs * size[0] * size[1], hidden, 4)
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(hidden, classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output = self.drop_input(input)
        for group in range(1, 4):
            output = getattr(self, f"layer{group}")(output)
        output = self.fc(self.drop_head(self.layer4(output.flatten(1))))
        return output


def pooled(size: int) -> int:
    """Cells after a 3×3 pooling of stride 2 in ceil mode; ValueError where nothing is left to pool."""
    if size < 3:
        raise ValueError(
            f"model=cifar_quick pools three times and needs images of 12×12 or more; a map of {size} is left"
        )
    return -(-(size - 3) // 2) + 1
