"""The residual blocks of He et al. (CVPR 2016), with a site wherever the DropBlock paper puts one.

The sites of a block named `layer3.0` are `layer3.0.conv1`, … (after norm and activation; the last one after its norm),
`layer3.0.skip` (the shortcut, after its projection and norm), `layer3.0.branch` (the whole branch, before the sum) and
the weights, `layer3.0.conv1.weight`, …
"""

from typing import NamedTuple

from torch import Tensor, nn

from dropgrid.models.parts import Parts


class Place(NamedTuple):
    """Where a block stands: its dotted name, its group and its number in the network, both from 1."""

    name: str
    group: int
    block: int


class Pad(nn.Module):
    """Option A of He et al. §3.3: every `stride`-th cell, and `channels` new ones that are zero. No parameters."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.channels = channels
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.pad(input[:, :, :: self.stride, :: self.stride], [0, 0, 0, 0, 0, self.channels])

    def extra_repr(self) -> str:
        return f"channels={self.channels}, stride={self.stride}"


def shortcut(parts: Parts, place: Place, kind: str, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """What carries a block's input past its branch; None is the input as it is."""
    if stride == 1 and inputs == outputs:
        return None
    if kind == "pad":
        return Pad(outputs - inputs, stride)
    conv, norm = parts.conv(inputs, outputs, 1, stride)
    parts.weight(conv, f"{place.name}.downsample.0", place.group, place.block)
    return nn.Sequential(conv, norm)


class BasicBlock(nn.Module):
    """act(norm(conv3x3(act(norm(conv3x3(x))))) + shortcut(x)); (N, inputs, H, W) -> (N, width, H/stride, W/stride)."""

    expansion = 1

    def __init__(self, parts: Parts, place: Place, inputs: int, width: int, stride: int, kind: str):
        super().__init__()
        name, group, block = place
        self.conv1, self.bn1 = parts.conv(inputs, width, 3, stride)
        self.act1 = parts.activation()
        self.drop1 = parts.site(f"{name}.conv1", "conv", group, block)
        self.conv2, self.bn2 = parts.conv(width, width, 3)
        self.drop2 = parts.site(f"{name}.conv2", "conv", group, block)
        self.drop_branch = parts.site(f"{name}.branch", "branch", group, block)
        self.downsample = shortcut(parts, place, kind, inputs, width, stride)
        self.drop_skip = parts.site(f"{name}.skip", "skip", group, block)
        self.act2 = parts.activation()
        parts.weight(self.conv1, f"{name}.conv1", group, block)
        parts.weight(self.conv2, f"{name}.conv2", group, block)

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.bn2

    def forward(self, input: Tensor) -> Tensor:
        output = self.drop1(self.act1(self.bn1(self.conv1(input))))
        output = self.drop2(self.bn2(self.conv2(output)))
        skip = input if self.downsample is None else self.downsample(input)
        return self.act2(self.drop_branch(output) + self.drop_skip(skip))


class Bottleneck(nn.Module):
    """The block of ResNet-50 and deeper: 1x1, 3x3 with the stride (as torchvision), 1x1 to 4 · width channels."""

    expansion = 4

    def __init__(self, parts: Parts, place: Place, inputs: int, width: int, stride: int, kind: str):
        super().__init__()
        name, group, block = place
        outputs = width * self.expansion
        self.conv1, self.bn1 = parts.conv(inputs, width, 1)
        self.act1 = parts.activation()
        self.drop1 = parts.site(f"{name}.conv1", "conv", group, block)
        self.conv2, self.bn2 = parts.conv(width, width, 3, stride)
        self.act2 = parts.activation()
        self.drop2 = parts.site(f"{name}.conv2", "conv", group, block)
        self.conv3, self.bn3 = parts.conv(width, outputs, 1)
        self.drop3 = parts.site(f"{name}.conv3", "conv", group, block)
        self.drop_branch = parts.site(f"{name}.branch", "branch", group, block)
        self.downsample = shortcut(parts, place, kind, inputs, outputs, stride)
        self.drop_skip = parts.site(f"{name}.skip", "skip", group, block)
        self.act3 = parts.activation()
        for layer, number in ((self.conv1, 1), (self.conv2, 2), (self.conv3, 3)):
            parts.weight(layer, f"{name}.conv{number}", group, block)

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.bn3

    def forward(self, input: Tensor) -> Tensor:
        output = self.drop1(self.act1(self.bn1(self.conv1(input))))
        output = self.drop2(self.act2(self.bn2(self.conv2(output))))
        output = self.drop3(self.bn3(self.conv3(output)))
        skip = input if self.downsample is None else self.downsample(input)
        return self.act3(self.drop_branch(output) + self.drop_skip(skip))
