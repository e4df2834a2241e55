"""Densely connected networks (Huang et al., CVPR 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class DenseLayer(nn.Module):
    """cat(x, conv3x3(act(norm(conv1x1(act(norm(x))))))): `growth` new channels after the existing ones (§3).

    (N, inputs, H, W) -> (N, inputs + growth, H, W). `bottleneck` · growth are the channels of the 1×1 convolution; at
    0 there is none. Its site stands after the norm and activation that follow it, that of the 3×3, which neither
    follows, before its channels join the others.
    """

    def __init__(self, parts: Parts, name: str, inputs: int, growth: int, bottleneck: int, group: int, block: int):
        super().__init__()
        self.norm1 = parts.norm_of(inputs)
        self.act1 = parts.activation()
        self.bottleneck = bottleneck > 0
        last = "conv1"
        if self.bottleneck:
            last, inner = "conv2", bottleneck * growth
            self.conv1, self.norm2 = parts.conv(inputs, inner, 1)
            self.act2 = parts.activation()
            self.drop1 = parts.site(f"{name}.conv1", "conv", group, block)
            self.conv2 = parts.conv(inner, growth, 3)[0]  # the norms of the layers after it follow
            parts.weight(self.conv2, f"{name}.conv2", group, block)
        else:
            self.conv1 = parts.conv(inputs, growth, 3)[0]
        parts.weight(self.conv1, f"{name}.conv1", group, block)
        self.drop2 = parts.site(f"{name}.{last}", "conv", group, block)

    def forward(self, input: Tensor) -> Tensor:
        output = self.act1(self.norm1(input))
        output = self.conv1(output)
        if self.bottleneck:
            output = self.conv2(self.drop1(self.act2(self.norm2(output))))
        return torch.cat([input, self.drop2(output)], 1)


class Transition(nn.Module):
    """avgpool2x2(conv1x1(act(norm(x)))), with a site before the pooling (§3)."""

    def __init__(self, parts: Parts, name: str, inputs: int, outputs: int, group: int, block: int):
        super().__init__()
        self.norm = parts.norm_of(inputs)
        self.act = parts.activation()
        self.conv = parts.conv(inputs, outputs, 1)[0]  # the norms of the next group follow
        parts.weight(self.conv, f"{name}.conv", group, block)
        self.drop = parts.site(f"{name}.conv", "conv", group, block)
        self.pool = nn.AvgPool2d(2)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.pool(self.drop(self.conv(self.act(self.norm(input)))))
        return output


class DenseNet(nn.Module):
    """Stem, dense blocks with transitions between, norm, activation, global average, linear classifier.

    Parameter names and outputs are torchvision's for the same weights. (N, channels, H, W) -> (N, classes). Every dense
    block is a group, with the transition after it; every dense layer is a block. Source: §3 and Table 1; for 32×32
    images §4.2.

    Args:
        depths: dense layers in each group.
        growth: channels that each of them adds, k.
        bottleneck: times growth, the channels of a layer's 1×1 convolution (B: 4); 0 for none.
        compression: the share of channels that a transition keeps, θ (C: 0.5).
        stem: imagenet (7×7 of stride 2, norm, activation, 3×3 max-pool of stride 2) or small (3×3).
        stem_width: channels of the stem.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range, or images too small for the transitions.
    """

    def __init__(
        self,
        *,
        depths: Sequence[int],
        growth: int,
        bottleneck: int,
        compression: float,
        stem: str,
        stem_width: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.whole_numbers("model.depths", depths)
        for name, value in (("growth", growth), ("stem_width", stem_width), ("classes", classes)):
            checks.whole_number(f"model.{name}", value, 1)
        if bottleneck != 0:
            checks.whole_number("model.bottleneck", bottleneck, 1)
        checks.number("model.compression", compression, above=0, most=1)
        checks.one_of("model.stem", stem, ("imagenet", "small"))
        large = stem == "imagenet"
        least = 2 ** (len(depths) - 1) * (4 if large else 1) - (3 if large else 0)
        if min(shape[1:]) < least:
            raise ValueError(f"model.depths has {len(depths)} groups, for images of {least}×{least} or more")
        self.groups = len(depths)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=sum(depths))

        self.drop_input = parts.site("input", "input")
        self.features = nn.Sequential()
        conv, after = parts.conv(shape[0], stem_width, 7 if large else 3, 2 if large else 1)
        parts.weight(conv, "features.conv0")
        self.features.add_module("conv0", conv)
        if large:
            self.features.add_module("norm0", after)
            self.features.add_module("act0", activation())
            self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        width, blocks = stem_width, 0
        for group, depth in enumerate(depths, 1):
            dense = nn.Sequential()
            for index in range(1, depth + 1):
                blocks += 1
                name = f"denseblock{group}.denselayer{index}"
                layer = DenseLayer(parts, f"features.{name}", width, growth, bottleneck, group, blocks)
                dense.add_module(f"denselayer{index}", layer)
                width += growth
            self.features.add_module(f"denseblock{group}", dense)
            if group < self.groups:
                kept, name = max(1, int(width * compression)), f"transition{group}"
                transition = Transition(parts, f"features.{name}", width, kept, group, blocks)
                self.features.add_module(name, transition)
                width = kept
        self.features.add_module("norm5", parts.norm_of(width))
        self.features.add_module("act5", activation())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.drop_head = parts.site("head", "head")
        self.classifier = Linear(width, classes)
        parts.weight(self.classifier, "classifier")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.features(self.drop_input(input))
        output = self.classifier(self.drop_head(self.avgpool(output).flatten(1)))
        return output
