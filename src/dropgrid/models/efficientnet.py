"""EfficientNet-B0 (Tan, Le, ICML 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.blocks import Place
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class SqueezeExcitation(nn.Module):
    """x · sigmoid(fc2(act(fc1(mean(x))))), the means by channel (Hu et al., CVPR 2018, §3); the shape is kept."""

    def __init__(self, parts: Parts, place: Place, name: str, channels: int, squeezed: int):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(channels, squeezed, 1)
        self.act = parts.activation()
        self.fc2 = Conv2d(squeezed, channels, 1)
        parts.weight(self.fc1, f"{name}.fc1", place.group, place.block)
        parts.weight(self.fc2, f"{name}.fc2", place.group, place.block)

    def forward(self, input: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(self.act(self.fc1(self.avgpool(input))))) * input


def conv_norm_act(
    parts: Parts, inputs: int, outputs: int, kernel: int, stride: int, name: str, place: Place | None = None, *,
    depthwise: bool = False, act: bool = True,
) -> nn.Sequential:  # fmt: skip
    """Return a convolution, its norm, an activation, and in a block the regularizers."""
    conv, norm = parts.conv(inputs, outputs, kernel, stride, groups=inputs if depthwise else 1)
    group, block = (place.group, place.block) if place else (None, None)
    parts.weight(conv, f"{name}.0", group, block)
    layers = [conv, norm, parts.activation() if act else nn.Identity()]
    if place:
        layers.append(parts.site(name, "conv", group, block))
    return nn.Sequential(*layers)


class MBConv(nn.Module):
    """conv1x1 to `expansion` · inputs, depthwise conv, squeeze-excitation, conv1x1; plus x if the shape is kept.

    (N, inputs, H, W) -> (N, outputs, H/stride, W/stride). No activation after the last (Sandler et al., CVPR 2018,
    §3). Sites are those of a residual block; a block without a shortcut has neither `skip` nor `branch`.
    """

    def __init__(self, parts: Parts, place: Place, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner, layers = inputs * expansion, nn.Sequential()
        name = f"{place.name}.block"
        if expansion > 1:
            layers.append(conv_norm_act(parts, inputs, inner, 1, 1, f"{name}.0", place))
        wide = len(layers)
        layers.append(conv_norm_act(parts, inner, inner, kernel, stride, f"{name}.{wide}", place, depthwise=True))
        layers.append(SqueezeExcitation(parts, place, f"{name}.{wide + 1}", inner, max(1, inputs // 4)))
        layers.append(conv_norm_act(parts, inner, outputs, 1, 1, f"{name}.{wide + 2}", place, act=False))
        self.block = layers
        self.residual = stride == 1 and inputs == outputs
        if self.residual:
            convolutions = [each for each in range(len(layers)) if each != wide + 1]
            self.branch_layers = tuple(f"block.{each}.0" for each in convolutions)
            self.drop_branch = parts.site(f"{place.name}.branch", "branch", place.group, place.block)
            self.drop_skip = parts.site(f"{place.name}.skip", "skip", place.group, place.block)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.block(input)
        return self.drop_branch(output) + self.drop_skip(input) if self.residual else output


class EfficientNet(nn.Module):
    """Stem, groups of inverted residual blocks, 1×1 convolution, global average, linear classifier.

    Parameter names and outputs are torchvision's for the same weights. (N, channels, H, W) -> (N, classes). Source: §4
    and Table 1.

    Args:
        widths, depths, kernels, strides, expansions: of each group its channels, blocks, side of the depthwise
            convolutions, stride of the first, and how many times wider than its input a block is inside.
        stem_width: channels of the stem, a 3×3 convolution of stem_stride.
        stem_stride: stride of the stem.
        head_width: channels of the last convolution.
        shape: shape of an image, (C, H, W); of any H and W.
        classes: number of classes.
        norm, activation: the axes' options; the squeeze-excitation's layers have biases and no norm.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        depths: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        expansions: Sequence[int],
        stem_width: int,
        stem_stride: int,
        head_width: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        lists = {"depths": depths, "kernels": kernels, "strides": strides, "expansions": expansions}
        for name, values in {"widths": widths, **lists}.items():
            checks.whole_numbers(f"model.{name}", values)
            if len(values) != len(widths):
                raise ValueError(f"model.{name} needs one number for each of {len(widths)} groups, got {list(values)}")
        numbers = {"stem_width": stem_width, "stem_stride": stem_stride, "head_width": head_width, "classes": classes}
        for name, value in numbers.items():
            checks.whole_number(f"model.{name}", value, 1)
        if any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f"model.kernels must be odd, got {list(kernels)}")
        self.groups = len(widths)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=sum(depths))

        self.drop_input = parts.site("input", "input")
        self.features = nn.Sequential()
        self.features.append(conv_norm_act(parts, shape[0], stem_width, 3, stem_stride, "features.0"))
        inputs, blocks = stem_width, 0
        for group, (width, depth, kernel, stride, expansion) in enumerate(
            zip(widths, depths, kernels, strides, expansions, strict=True), 1
        ):
            layer = nn.Sequential()
            for index in range(depth):
                blocks += 1
                place, step = Place(f"features.{group}.{index}", group, blocks), stride if index == 0 else 1
                layer.append(MBConv(parts, place, inputs, width, kernel, step, expansion))
                inputs = width
            self.features.append(layer)
        self.features.append(conv_norm_act(parts, inputs, head_width, 1, 1, f"features.{self.groups + 1}"))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(parts.site("head", "head"), Linear(head_width, classes))
        parts.weight(self.classifier[1], "classifier.1")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.classifier(self.avgpool(self.features(self.drop_input(input))).flatten(1))
        return output
