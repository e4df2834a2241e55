"""The residual blocks of He et al. (CVPR 2016), with sites where the DropBlock paper places them.

The sites of a block named `layer3.0` are `layer3.0.conv1`, … (after norm and activation; the last one after its norm),
`layer3.0.skip` (the shortcut, after its projection and norm), `layer3.0.branch` (the whole branch, before the sum) and
the weights, `layer3.0.conv1.weight`, … A plain block has no shortcut, and neither `skip` nor `branch`.
"""

from typing import NamedTuple

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.parts import Parts


class Place(NamedTuple):
    """The position of a block: its dotted name, its group and its number in the network, both from 1."""

    name: str
    group: int
    block: int


class ConvLayer(nn.Module):
    """act(norm(conv3x3(x))), then the regularizers at a site of the given kind."""

    def __init__(self, parts: Parts, place: Place, kind: str, inputs: int, outputs: int):
        super().__init__()
        self.conv, self.norm = parts.conv(inputs, outputs, 3)
        parts.weight(self.conv, f"{place.name}.conv", place.group, place.block)
        self.act = parts.activation()
        self.drop = parts.site(place.name, kind, place.group, place.block)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop(self.act(self.norm(self.conv(input))))
        return output


class Form(NamedTuple):
    """The settings that all blocks of a network share; the fields are `ResNet`'s arguments."""

    shortcut: str
    residual: bool
    cardinality: int
    width_per_group: int


def check_stages(depths: object, strides: object) -> None:
    """Raise ValueError unless depths and strides are lists of whole numbers, one of each for a group."""
    groups = len(checks.whole_numbers("model.depths", depths))
    listed = checks.whole_numbers("model.strides", strides)
    if len(listed) != groups:
        raise ValueError(f"model.strides needs one stride for each of {groups} groups, got {list(listed)}")


def check_stem(kind: object, stride: object) -> None:
    """Raise ValueError unless the stem is imagenet or small, with a stride that it has."""
    checks.one_of("model.stem", kind, ("imagenet", "small"))
    checks.whole_number("model.stem_stride", stride, 1)
    if kind == "imagenet" and stride != 1:
        raise ValueError(f"model.stem_stride acts on stem=small alone; with stem=imagenet it must be 1, got {stride}")


class Pad(nn.Module):
    """The shortcut of option A of He et al. §3.3: every `stride`-th cell, with zeros as new channels. No parameters."""

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.channels = channels
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.pad(input[:, :, :: self.stride, :: self.stride], [0, 0, 0, 0, 0, self.channels])

    def extra_repr(self) -> str:
        return f"channels={self.channels}, stride={self.stride}"


def shortcut(parts: Parts, place: Place, kind: str, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the shortcut, which carries a block's input past its branch; None is the input unchanged."""
    if stride == 1 and inputs == outputs:
        return None
    if kind == "pad":
        return Pad(outputs - inputs, stride)
    conv, norm = parts.conv(inputs, outputs, 1, stride)
    parts.weight(conv, f"{place.name}.downsample.0", place.group, place.block)
    return nn.Sequential(conv, norm)


class AbstractBlock(nn.Module):
    """The end of a block: act(scale · branch + shortcut(x)), or act(branch) if there is no shortcut.

    `branch_layers`, of residual blocks alone, names the layers with weights of the branch, in their order. The shifts
    and the scale are the identity but for `branch_scale` (see `scalars`); Fixup's bias before the first convolution is
    the projection's too, as in its released code.
    """

    branch_layers: tuple[str, ...]

    def end(self, parts: Parts, place: Place, inputs: int, outputs: int, stride: int, form: Form, layers: int) -> None:
        """Make the sum of a shortcut and a branch of `convs` convolutions, conv1, conv2, …"""
        name, group, block = place
        names = tuple(f"conv{number}" for number in range(1, layers + 1))
        for each in names:
            parts.weight(self.get_submodule(each), f"{name}.{each}", group, block)
        self.residual = form.residual
        self.shift = parts.shift()
        if not form.residual:
            return
        self.branch_layers = names
        self.scale = parts.scale()
        self.drop_branch = parts.site(f"{name}.branch", "branch", group, block)
        self.downsample = shortcut(parts, place, form.shortcut, inputs, outputs, stride)
        self.drop_skip = parts.site(f"{name}.skip", "skip", group, block)

    def sum(self, branch: Tensor, input: Tensor, shifted: Tensor) -> Tensor:
        """Return the block's output before the last activation."""
        if self.residual:
            skip = input if self.downsample is None else self.downsample(shifted)
            branch = self.drop_branch(self.scale(branch)) + self.drop_skip(skip)
        output: Tensor = self.shift(branch)
        return output


class BasicBlock(AbstractBlock):
    """act(norm(conv3x3(act(norm(conv3x3(x))))) + shortcut(x)); (N, inputs, H, W) -> (N, width, H/stride, W/stride)."""

    expansion = 1

    def __init__(self, parts: Parts, place: Place, inputs: int, width: int, stride: int, form: Form):
        super().__init__()
        name, group, block = place
        self.before1 = parts.shift()
        self.conv1, self.bn1 = parts.conv(inputs, width, 3, stride)
        self.after1 = parts.shift()
        self.act1 = parts.activation()
        self.drop1 = parts.site(f"{name}.conv1", "conv", group, block)
        self.before2 = parts.shift()
        self.conv2, self.bn2 = parts.conv(width, width, 3)
        self.drop2 = parts.site(f"{name}.conv2", "conv", group, block)
        self.end(parts, place, inputs, width, stride, form, layers=2)
        self.act2 = parts.activation()

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.bn2

    def forward(self, input: Tensor) -> Tensor:
        shifted = self.before1(input)
        output: Tensor = self.drop1(self.act1(self.after1(self.bn1(self.conv1(shifted)))))
        output = self.drop2(self.bn2(self.conv2(self.before2(output))))
        output = self.act2(self.sum(output, input, shifted))
        return output


class Bottleneck(AbstractBlock):
    """The block of ResNet-50 and deeper: 1x1, 3x3 with the stride (as torchvision), 1x1 to 4 · width channels.

    The 3x3 has `cardinality` groups of `width_per_group` · width / 64 channels (ResNeXt: Xie et al., CVPR 2017, §3).
    """

    expansion = 4

    def __init__(self, parts: Parts, place: Place, inputs: int, width: int, stride: int, form: Form):
        super().__init__()
        name, group, block = place
        outputs = width * self.expansion
        inner = max(1, int(width * form.width_per_group / 64)) * form.cardinality
        self.before1 = parts.shift()
        self.conv1, self.bn1 = parts.conv(inputs, inner, 1)
        self.after1 = parts.shift()
        self.act1 = parts.activation()
        self.drop1 = parts.site(f"{name}.conv1", "conv", group, block)
        self.before2 = parts.shift()
        self.conv2, self.bn2 = parts.conv(inner, inner, 3, stride, groups=form.cardinality)
        self.after2 = parts.shift()
        self.act2 = parts.activation()
        self.drop2 = parts.site(f"{name}.conv2", "conv", group, block)
        self.before3 = parts.shift()
        self.conv3, self.bn3 = parts.conv(inner, outputs, 1)
        self.drop3 = parts.site(f"{name}.conv3", "conv", group, block)
        self.end(parts, place, inputs, outputs, stride, form, layers=3)
        self.act3 = parts.activation()

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum."""
        return self.bn3

    def forward(self, input: Tensor) -> Tensor:
        shifted = self.before1(input)
        output: Tensor = self.drop1(self.act1(self.after1(self.bn1(self.conv1(shifted)))))
        output = self.drop2(self.act2(self.after2(self.bn2(self.conv2(self.before2(output))))))
        output = self.drop3(self.bn3(self.conv3(self.before3(output))))
        output = self.act3(self.sum(output, input, shifted))
        return output
