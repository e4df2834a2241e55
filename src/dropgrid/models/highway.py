"""Highway networks (Srivastava, Greff, Schmidhuber, 2015, arXiv 1505.00387)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Plain(nn.Module):
    """H(x) = act(norm(layer(x))), then the regularizers; a linear layer or a 3×3 convolution."""

    def __init__(self, parts: Parts, name: str, kind: str, inputs: int, outputs: int, group: int, block: int):
        super().__init__()
        linear = kind == "linear"
        self.layer, self.norm = parts.linear(inputs, outputs) if linear else parts.conv(inputs, outputs, 3)
        parts.weight(self.layer, f"{name}.layer", group, block)
        self.act = parts.activation()
        self.drop = parts.site(name, "hidden" if linear else "conv", group, block, linear=linear)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop(self.act(self.norm(self.layer(input))))
        return output


class Gate(nn.Module):
    """T(x) = sigmoid(layer(x) + bias). The bias is not the layer's, which initializers set to 0."""

    def __init__(self, parts: Parts, name: str, kind: str, width: int, start: float, group: int, block: int):
        super().__init__()
        linear = kind == "linear"
        bare = Linear(width, width, bias=False) if linear else Conv2d(width, width, 3, padding=1, bias=False)
        self.layer: nn.Module = bare
        parts.weight(self.layer, f"{name}.layer", group, block)
        self.bias = nn.Parameter(torch.full((width,) if linear else (width, 1, 1), float(start)))

    def forward(self, input: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(input) + self.bias)


class HighwayLayer(nn.Module):
    """y = H(x) · T(x) + x · (1 - T(x)) (eq. 3), with a site `branch` on the first term and `skip` on the second."""

    def __init__(self, parts: Parts, name: str, kind: str, width: int, start: float, group: int, block: int):
        super().__init__()
        self.plain = Plain(parts, f"{name}.plain", kind, width, width, group, block)
        self.gate = Gate(parts, f"{name}.gate", kind, width, start, group, block)
        self.drop_branch = parts.site(f"{name}.branch", "branch", group, block)
        self.drop_skip = parts.site(f"{name}.skip", "skip", group, block)

    def forward(self, input: Tensor) -> Tensor:
        gate = self.gate(input)
        output: Tensor = self.drop_branch(self.plain(input) * gate) + self.drop_skip(input * (1 - gate))
        return output


class Highway(nn.Module):
    """Groups of a plain layer, which sets the width, and highway layers, which keep it; linear classifier.

    (N, C, H, W) -> (N, classes). Linear layers take the pixels in a row. Of convolutions, a 2×2 max-pool of stride 2
    stands between the groups and a global average before the classifier.

    Args:
        layer: linear or conv (3×3).
        widths: units or channels of each group.
        depths: highway layers of each group, after its plain one.
        transform_bias: the gates' first bias; the more negative, the more of the input is carried (§2.2: -1 to -3).
        gated: false makes every layer plain, y = H(x): the twin without gates.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options; the gates have no norm.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range, or images too small for the poolings.

    Source: §2 and 3.1. Differs from the paper: a global average in place of its last pooling.
    """

    def __init__(
        self,
        *,
        layer: str,
        widths: Sequence[int],
        depths: Sequence[int],
        transform_bias: float,
        gated: bool,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.one_of("model.layer", layer, ("linear", "conv"))
        checks.whole_numbers("model.widths", widths)
        checks.whole_numbers("model.depths", depths)
        checks.whole_number("model.classes", classes, 1)
        checks.boolean("model.gated", gated)
        if len(depths) != len(widths):
            raise ValueError(f"model.depths needs one depth for each of {len(widths)} groups, got {list(depths)}")
        checks.number("model.transform_bias", transform_bias)
        if layer == "conv" and min(shape[1:]) < 2 ** (len(widths) - 1):
            raise ValueError(
                f"model.widths has {len(widths)} groups with a pooling between: too many for {shape[1]}×{shape[2]}"
            )
        self.groups = len(widths)
        blocks = len(depths) + sum(depths)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=blocks)
        self.drop_input = parts.site("input", "input")
        self.flatten = nn.Flatten() if layer == "linear" else nn.Identity()
        inputs, block = math.prod(shape) if layer == "linear" else shape[0], 0
        for group, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
            layers = nn.Sequential()
            for index in range(depth + 1):
                block += 1
                name = f"layer{group}.{index}"
                if index == 0 or not gated:
                    layers.append(Plain(parts, name, layer, inputs, width, group, block))
                else:
                    layers.append(HighwayLayer(parts, name, layer, width, transform_bias, group, block))
                inputs = width
            self.add_module(f"layer{group}", layers)
        self.pool = nn.MaxPool2d(2) if layer == "conv" else nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d(1) if layer == "conv" else nn.Identity()
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(inputs, classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.flatten(self.drop_input(input))
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output if group == 1 else self.pool(output))
        output = self.fc(self.drop_head(self.avgpool(output).flatten(1)))
        return output
