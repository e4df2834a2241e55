"""Residual networks (He et al., CVPR 2016), plain nets and ResNeXt, for ImageNet and CIFAR: one class."""

from collections.abc import Sequence

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.blocks import BasicBlock, Bottleneck, Form, Place, check_stages, check_stem
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.models.scalars import BRANCH_SCALES
from dropgrid.sites import Option

BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}
SHORTCUTS = ("projection", "pad")


class Body(nn.Module):
    """Stem and groups of residual blocks: the common part of `ResNet` and of networks with a decoder.

    Attributes:
        groups: how many.
        widths: output channels of each group.
    """

    def __init__(
        self,
        parts: Parts,
        kind: type[BasicBlock] | type[Bottleneck],
        form: Form,
        *,
        depths: Sequence[int],
        features: Sequence[int],
        strides: Sequence[int],
        stem: str,
        stem_stride: int,
        channels: int,
    ):
        super().__init__()
        self.groups = len(depths)
        self.widths = [each * kind.expansion for each in features]
        self.drop_input = parts.site("input", "input")
        large = stem == "imagenet"
        self.conv1, self.bn1 = parts.conv(channels, features[0], 7 if large else 3, 2 if large else stem_stride)
        parts.weight(self.conv1, "conv1")
        self.shift1 = parts.shift()
        self.act1 = parts.activation()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if large else nn.Identity()
        inputs, blocks = features[0], 0
        for group, (depth, width, stride) in enumerate(zip(depths, features, strides, strict=True), 1):
            layer = nn.Sequential()
            for index in range(depth):
                blocks += 1
                place = Place(f"layer{group}.{index}", group, blocks)
                layer.append(kind(parts, place, inputs, width, stride if index == 0 else 1, form))
                inputs = width * kind.expansion
            self.add_module(f"layer{group}", layer)

    def maps(self, input: Tensor) -> list[Tensor]:
        """Return the features after each group."""
        output: Tensor = self.maxpool(self.act1(self.shift1(self.bn1(self.conv1(self.drop_input(input))))))
        found = []
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output)
            found.append(output)
        return found


def widths_of(base_width: int, width: float, groups: int) -> list[int]:
    """Return the channels of each group before a block's expansion: base_width · 2^(j-1) · width, rounded."""
    return [max(1, round(base_width * 2**group * width)) for group in range(groups)]


class ResNet(Body):
    """Stem, groups of residual blocks that double the width, global average, linear classifier.

    Parameter names and outputs are torchvision's for the same weights. (N, channels, H, W) -> (N, classes). Group j has
    `base_width · 2^(j-1) · width` channels (times 4 with bottlenecks). Source: He et al., §3.3 and Table 1; for 32×32
    images §4.2 (three groups of 16, 32, 64 channels, shortcuts of option A).

    Args:
        block: basic or bottleneck.
        depths: residual blocks in each group; their length is the number of groups.
        base_width: channels of the first group.
        width: multiplies every width; the widths are rounded to whole channels.
        strides: stride of each group's first block.
        stem: imagenet (7×7 of stride 2, then a 3×3 max-pool of stride 2) or small (3×3 of `stem_stride`).
        stem_stride: stride of the small stem.
        shortcut: projection (1×1 convolution and norm) or pad (option A: parameter-free) if the shape changes.
        residual: false leaves out every shortcut: the plain nets of He et al. §3.3.
        cardinality: groups of a bottleneck's 3×3 convolution (ResNeXt: Xie et al., CVPR 2017, §3), each of
        width_per_group: channels in the first group if base_width is 64.
        branch_scale: none, skipinit or fixup: learned scalars, with which the net trains without a norm (`scalars`).
        zero_init_residual: start the gain of each block's last norm at 0 (Goyal et al. 2017, §5.1).
        shape: shape of an image, (C, H, W); of any H and W.
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        block: str,
        depths: Sequence[int],
        base_width: int,
        width: float,
        strides: Sequence[int],
        stem: str,
        stem_stride: int,
        shortcut: str,
        residual: bool,
        cardinality: int,
        width_per_group: int,
        branch_scale: str,
        zero_init_residual: bool,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        checks.one_of("model.block", block, BLOCKS)
        checks.one_of("model.shortcut", shortcut, SHORTCUTS)
        checks.one_of("model.branch_scale", branch_scale, BRANCH_SCALES)
        check_stages(depths, strides)
        check_stem(stem, stem_stride)
        for name, value in (("base_width", base_width), ("cardinality", cardinality), ("classes", classes)):
            checks.whole_number(f"model.{name}", value, 1)
        checks.whole_number("model.width_per_group", width_per_group, 1)
        checks.number("model.width", width, above=0)
        checks.boolean("model.residual", residual)
        checks.boolean("model.zero_init_residual", zero_init_residual)
        if block == "basic" and (cardinality, width_per_group) != (1, 64):
            raise ValueError("model.cardinality and model.width_per_group act on block=bottleneck; leave 1 and 64")
        if branch_scale != "none" and not residual:
            raise ValueError(f"model.branch_scale={branch_scale} scales branches, and model.residual=false has none")
        if zero_init_residual and (branch_scale != "none" or not residual):
            raise ValueError("model.zero_init_residual=true needs model.residual=true and model.branch_scale=none")
        kind = BLOCKS[block]
        form = Form(shortcut, residual, cardinality, width_per_group)
        parts = Parts(norm, activation, sites, groups=len(depths), blocks=sum(depths), branch_scale=branch_scale)
        body = {"depths": depths, "features": widths_of(base_width, width, len(depths)), "strides": strides}
        super().__init__(parts, kind, form, stem=stem, stem_stride=stem_stride, channels=shape[0], **body)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.drop_head = parts.site("head", "head")
        self.shift2 = parts.shift()
        self.fc = Linear(self.widths[-1], classes)
        parts.weight(self.fc, "fc")
        if zero_init_residual:
            self.silence_branches()

    def silence_branches(self) -> None:
        """Start every block as its shortcut: the gain of its last norm is 0."""
        for module in self.modules():
            if isinstance(module, BasicBlock | Bottleneck):
                gain = getattr(module.last_norm, "weight", None)
                if gain is None:
                    raise ValueError("model.zero_init_residual=true needs a norm with a gain; this one has none")
                nn.init.zeros_(gain)

    def forward(self, input: Tensor) -> Tensor:
        features = self.avgpool(self.maps(input)[-1]).flatten(1)
        output: Tensor = self.fc(self.shift2(self.drop_head(features)))
        return output
