"""AmoebaNet-B (Real, Aggarwal, Huang, Le, AAAI 2019, arXiv 1802.01548)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dropgrid import checks
from dropgrid.models.blocks import Place
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option

Step = tuple[tuple[str, int], tuple[str, int]]
"""Two operations, each with the state that it takes; their results are summed to the next state."""


class Recipe(NamedTuple):
    """A cell: states 0 and 1 are its inputs, five steps add one each, and some are concatenated to its output."""

    steps: Sequence[Step]
    output: Sequence[int]


NORMAL = Recipe(
    (
        (("conv1", 1), ("max3", 1)),
        (("identity", 1), ("separable3", 0)),
        (("conv1", 1), ("separable3", 0)),
        (("conv1", 2), ("identity", 2)),
        (("average3", 1), ("conv1", 5)),
    ),
    output=(0, 3, 4, 6),
)
REDUCTION = Recipe(
    (
        (("max2", 0), ("max3", 0)),
        (("identity", 2), ("conv3", 1)),
        (("separable5", 2), ("max3", 2)),
        (("identity", 3), ("separable3", 1)),
        (("average3", 4), ("conv1", 3)),
    ),
    output=(5, 6),
)
STEMS = ("imagenet", "small")


class AmoebaNet(nn.Module):
    """A stem, three stacks of normal cells with a reduction cell between, ReLU, global average, linear classifier.

    A cell takes the outputs of the two before it. (N, channels, H, W) -> (N, classes). The stacks are groups 1 to
    3, a reduction cell in the group whose map it makes, those of the stem in group 1; cells are blocks. Sites: `conv`
    after every norm; `skip` on identities; `branch` on the result of every other operation, before the sum, where the
    released code has DropPath.

    Args:
        cells: of each stack: N. 3 × N are normal.
        width: F, the channels of an operation in the first stack; twice and four times as many in the others.
        stem: `imagenet`, a 3×3 convolution of stride 2 and two reduction cells at F/4 and F/2, or `small`, a 3×3
            convolution.
        stem_width: channels of that convolution.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range.

    Source: the paper's Fig. 2 and the cells amoeba_net_b of the authors' released code. Differs from the code: no
    auxiliary classifier; the stem's convolution is padded; both inputs of the first cell are brought to F channels. As
    in the code its separable 5×5 convolutions are not dilated. The released code has no DropBlock; the paper on it puts
    it after every norm and on the skip connections of the last half of the cells (Ghiasi et al. 2018, §4.1), and
    `regularizer.groups=[-2,-1]` is the last two thirds.
    """

    def __init__(
        self,
        *,
        cells: int,
        width: int,
        stem: str,
        stem_width: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        for name, value in (("cells", cells), ("stem_width", stem_width), ("classes", classes)):
            checks.whole_number(f"model.{name}", value, 1)
        checks.whole_number("model.width", width, 4)
        checks.one_of("model.stem", stem, STEMS)
        first = [width // 4, width // 2] if stem == "imagenet" else []
        self.groups = 3
        parts = Parts(norm, activation, sites, groups=3, blocks=len(first) + 3 * cells + 2)
        self.drop_input = parts.site("input", "input")
        self.conv0, self.norm0 = parts.conv(shape[0], stem_width, 3, 2 if first else 1)
        parts.weight(self.conv0, "conv0")
        self.cells = nn.ModuleList()
        before = latest = Features(stem_width, 0)
        plan = [(REDUCTION, each, 1) for each in first]
        for group in (1, 2, 3):
            inside = width * 2 ** (group - 1)
            plan += [(REDUCTION, inside, group)] * (group > 1) + [(NORMAL, inside, group)] * cells
        for block, (recipe, inside, group) in enumerate(plan, 1):
            cell = Cell(parts, Place(f"cells.{block - 1}", group, block), recipe, inside, latest, before)
            self.cells.append(cell)
            halvings = latest.halvings + (recipe is REDUCTION)
            before, latest = latest, Features(inside * len(recipe.output), halvings)
        self.act = parts.activation()
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(latest.channels, classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        before = latest = self.norm0(self.conv0(self.drop_input(input)))
        for cell in self.cells:
            before, latest = latest, cell(latest, before)
        output: Tensor = self.fc(self.drop_head(self.act(latest).mean((2, 3))))
        return output


class Features(NamedTuple):
    """Channels of a map, and how often its size was halved."""

    channels: int
    halvings: int


class Cell(nn.Module):
    """One cell: both inputs are brought to F channels and one size, then its steps."""

    def __init__(self, parts: Parts, place: Place, recipe: Recipe, width: int, latest: Features, before: Features):
        super().__init__()
        self.recipe = recipe
        stride = 2 if recipe is REDUCTION else 1
        self.enter = Unit(parts, place, "enter", latest.channels, width, 1)
        self.enter_before: nn.Module = nn.Identity()
        if before.halvings != latest.halvings:
            self.enter_before = Halving(parts, place, "enter_before", before.channels, width)
        elif before.channels != width:
            self.enter_before = Unit(parts, place, "enter_before", before.channels, width, 1)
        for number, step in enumerate(recipe.steps, 1):
            for side, (kind, state) in zip(("left", "right"), step, strict=True):
                name = f"{side}{number}"
                self.add_module(name, operation(parts, place, name, kind, width, stride if state < 2 else 1))
                dropped = "skip" if kind == "identity" else "branch"
                site = parts.site(f"{place.name}.{name}.{dropped}", dropped, place.group, place.block)
                self.add_module(f"drop_{name}", site)

    def forward(self, latest: Tensor, before: Tensor) -> Tensor:
        states = [self.enter(latest), self.enter_before(before)]
        for number, step in enumerate(self.recipe.steps, 1):
            sides = []
            for side, (_, state) in zip(("left", "right"), step, strict=True):
                made = getattr(self, f"{side}{number}")(states[state])
                sides.append(getattr(self, f"drop_{side}{number}")(made))
            states.append(sides[0] + sides[1])
        return torch.cat([states[each] for each in self.recipe.output], 1)


def operation(parts: Parts, place: Place, name: str, kind: str, width: int, stride: int) -> nn.Module:
    """Return an operation on `width` channels, which keeps them."""
    if kind == "identity":
        assert stride == 1, "identities take no input of a reduction cell"
        return nn.Identity()
    if kind == "conv1":
        return Unit(parts, place, name, width, width, 1, stride)
    if kind == "conv3":
        narrow = width // 4
        if narrow == 0:
            return nn.Sequential(Unit(parts, place, f"{name}.0", width, width, 3, stride))
        return nn.Sequential(
            Unit(parts, place, f"{name}.0", width, narrow, 1),
            Unit(parts, place, f"{name}.1", narrow, narrow, 3, stride),
            Unit(parts, place, f"{name}.2", narrow, width, 1),
        )
    if kind in ("separable3", "separable5"):
        size = int(kind[-1])
        return nn.Sequential(
            Unit(parts, place, f"{name}.0", width, width, size, stride, separable=True),
            Unit(parts, place, f"{name}.1", width, width, size, separable=True),
        )
    if kind == "average3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return nn.MaxPool2d(3, stride, padding=1) if kind == "max3" else nn.MaxPool2d(2, stride, ceil_mode=True)


class Unit(nn.Module):
    """Activation, convolution, norm, regularizers; a separable convolution is depthwise, then 1×1, no norm between."""

    def __init__(
        self,
        parts: Parts,
        place: Place,
        name: str,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        separable: bool = False,
    ):
        super().__init__()
        name = f"{place.name}.{name}"
        self.act = parts.activation()
        self.depthwise: nn.Module = nn.Identity()
        if separable:
            self.depthwise = Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False)
            parts.weight(self.depthwise, f"{name}.depthwise", place.group, place.block)
            kernel, stride = 1, 1
        self.conv, self.norm = parts.conv(inputs, outputs, kernel, stride)
        parts.weight(self.conv, f"{name}.conv", place.group, place.block)
        self.drop = parts.site(name, "conv", place.group, place.block)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop(self.norm(self.conv(self.depthwise(self.act(input)))))
        return output


class Halving(nn.Module):
    """Every second pixel: two 1×1 convolutions side by side, one of pixels shifted by (1, 1); norm."""

    def __init__(self, parts: Parts, place: Place, name: str, inputs: int, outputs: int):
        super().__init__()
        name = f"{place.name}.{name}"
        self.act = parts.activation()
        self.even = Conv2d(inputs, outputs // 2, 1, bias=False)
        self.odd = Conv2d(inputs, outputs - outputs // 2, 1, bias=False)
        for side in ("even", "odd"):
            parts.weight(getattr(self, side), f"{name}.{side}", place.group, place.block)
        self.norm = parts.norm_of(outputs)
        self.drop = parts.site(name, "conv", place.group, place.block)

    def forward(self, input: Tensor) -> Tensor:
        active = self.act(input)
        shifted = F.pad(active, (0, 1, 0, 1))[:, :, 1:, 1:]
        both = torch.cat([self.even(active[:, :, ::2, ::2]), self.odd(shifted[:, :, ::2, ::2])], 1)
        output: Tensor = self.drop(self.norm(both))
        return output
