"""Pre-activation residual networks (He et al., ECCV 2016) and wide ones (Zagoruyko, Komodakis, BMVC 2016)."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.blocks import Pad, Place, check_stages, check_stem
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.models.scalars import BRANCH_SCALES
from dropgrid.sites import Option

EXPANSION = {"basic": 1, "bottleneck": 4}


class Preact(NamedTuple):
    """A block's form: `PreactResNet`'s arguments, and whether it is the network's first."""

    block: str
    shortcut: str
    first: bool
    last_site: bool


class PreactBlock(nn.Module):
    """x + conv(act(norm(… conv(act(norm(x)))))): nothing acts on the sum, so the shortcut passes it unchanged.

    (N, inputs, H, W) -> (N, width · expansion, H/stride, W/stride). If the shape changes, the shortcut starts after the
    first activation, which branch and shortcut then share. The `first` block has no norm and activation of its own,
    because the stem has them (appendix: "right after conv1 and before splitting").

    A norm follows the convolution before it except the first, which follows a sum. Sites are those of `blocks`, after
    norm and activation; the one after the last convolution, which neither follows, is asked with `last_site`.
    """

    def __init__(
        self,
        parts: Parts,
        place: Place,
        inputs: int,
        width: int,
        stride: int,
        form: Preact,
    ):
        super().__init__()
        name, group, block = place
        outputs = width * EXPANSION[form.block]
        layers = [(width, 3, stride), (outputs, 3, 1)]
        if form.block == "bottleneck":
            layers = [(width, 1, 1), (width, 3, stride), (outputs, 1, 1)]
        self.branch_layers = tuple(f"conv{each}" for each in range(1, len(layers) + 1))
        features, norm = inputs, nn.Identity() if form.first else parts.norm_of(inputs)
        for each, (features_out, kernel, step) in enumerate(layers, 1):
            own = not (form.first and each == 1)
            self.add_module(f"bn{each}", norm)
            self.add_module(f"shift{each}", parts.shift() if own else nn.Identity())
            self.add_module(f"act{each}", parts.activation() if own else nn.Identity())
            self.add_module(f"before{each}", parts.shift())
            conv, norm = parts.conv(features, features_out, kernel, step)
            parts.weight(conv, f"{name}.conv{each}", group, block)
            self.add_module(f"conv{each}", conv)
            asked = form.last_site or each < len(layers)
            site = parts.site(f"{name}.conv{each}", "conv", group, block) if asked else nn.Identity()
            self.add_module(f"drop{each}", site)
            features = features_out
        self.scale = parts.scale()
        self.drop_branch = parts.site(f"{name}.branch", "branch", group, block)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = Pad(outputs - inputs, stride)
            if form.shortcut == "projection":
                self.downsample = parts.conv(inputs, outputs, 1, stride)[0]  # the next block's norm follows the sum
                parts.weight(self.downsample, f"{name}.downsample", group, block)
        self.drop_skip = parts.site(f"{name}.skip", "skip", group, block)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = input
        skip = input
        for each in range(1, len(self.branch_layers) + 1):
            for part in ("bn", "shift", "act"):
                output = getattr(self, f"{part}{each}")(output)
            if each > 1:
                output = getattr(self, f"drop{each - 1}")(output)
            output = getattr(self, f"before{each}")(output)
            if each == 1 and self.downsample is not None:
                skip = self.downsample(output)
            output = getattr(self, f"conv{each}")(output)
        output = getattr(self, f"drop{len(self.branch_layers)}")(output)
        output = self.drop_branch(self.scale(output)) + self.drop_skip(skip)
        return output


class PreactResNet(nn.Module):
    """Stem with norm and activation, groups of pre-activation blocks, norm, activation, global average, classifier.

    (N, channels, H, W) -> (N, classes). Group j has `base_width · 2^(j-1) · width` channels (times 4 with
    bottlenecks). Source: He et al., ECCV 2016, Fig. 1b and appendix; wide nets: Zagoruyko, Komodakis, Table 1.

    Args:
        stem_width: channels of the stem.
        last_site: add `conv` sites after the last convolution of each block, which no norm and activation follow.
            Without them dropout acts only between the convolutions (Zagoruyko, Komodakis, Fig. 1d).
        block, depths, base_width, width, strides, stem, stem_stride, shortcut, branch_scale: as in `ResNet`.
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
        stem_width: int,
        shortcut: str,
        branch_scale: str,
        last_site: bool,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.one_of("model.block", block, EXPANSION)
        checks.one_of("model.shortcut", shortcut, ("projection", "pad"))
        checks.one_of("model.branch_scale", branch_scale, BRANCH_SCALES)
        check_stages(depths, strides)
        check_stem(stem, stem_stride)
        for name, value in (("base_width", base_width), ("stem_width", stem_width), ("classes", classes)):
            checks.whole_number(f"model.{name}", value, 1)
        checks.number("model.width", width, above=0)
        checks.boolean("model.last_site", last_site)
        self.groups = len(depths)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=sum(depths), branch_scale=branch_scale)
        widths = [max(1, round(base_width * 2**group * width)) for group in range(self.groups)]
        inputs = max(1, round(stem_width * width))
        if shortcut == "pad" and inputs > widths[0]:
            raise ValueError(f"model.shortcut=pad cannot narrow the stem's {inputs} channels to {widths[0]}")

        self.drop_input = parts.site("input", "input")
        large = stem == "imagenet"
        self.conv1, self.bn1 = parts.conv(shape[0], inputs, 7 if large else 3, 2 if large else stem_stride)
        parts.weight(self.conv1, "conv1")
        self.shift1 = parts.shift()
        self.act1 = activation()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if large else nn.Identity()
        blocks = 0
        for group, (depth, features, stride) in enumerate(zip(depths, widths, strides, strict=True), 1):
            layer = nn.Sequential()
            for index in range(depth):
                blocks += 1
                place, step = Place(f"layer{group}.{index}", group, blocks), stride if index == 0 else 1
                form = Preact(block, shortcut, blocks == 1, last_site)
                layer.append(PreactBlock(parts, place, inputs, features, step, form))
                inputs = features * EXPANSION[block]
            self.add_module(f"layer{group}", layer)
        self.bn2 = parts.norm_of(inputs)
        self.shift2 = parts.shift()
        self.act2 = activation()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.drop_head = parts.site("head", "head")
        self.shift3 = parts.shift()
        self.fc = Linear(inputs, classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.maxpool(self.act1(self.shift1(self.bn1(self.conv1(self.drop_input(input))))))
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output)
        output = self.avgpool(self.act2(self.shift2(self.bn2(output)))).flatten(1)
        output = self.fc(self.shift3(self.drop_head(output)))
        return output
