"""FractalNet (Larsson, Maire, Shakhnarovich, ICLR 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.blocks import ConvLayer, Place
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Fractal(nn.Module):
    """f_1(x) = layer(x), f_{c+1}(x) = mean(layer(x), f_c(f_c(x))): columns of 1, 2, 4, … layers that meet at joins.

    Column c (from 0) has 2^c layers, each in place of 2^(C-1-c) layers of the deepest; wherever several end, their
    outputs are averaged and feed all of those that begin. (N, inputs, H, W) -> (N, width, H, W).

    Source: §2, eq. 1-2 and Fig. 1. The join of columns a to C is a site `join` of C - a paths.
    """

    only: int | None = None
    """The column that alone passes through the joins that it reaches; None: all do, as in training."""

    def __init__(self, parts: Parts, name: str, inputs: int, width: int, columns: int, group: int):
        super().__init__()
        self.columns = columns
        self.depth = 2 ** (columns - 1)
        for column in range(columns):
            stride = 2 ** (columns - 1 - column)
            for first in range(0, self.depth, stride):
                layer = f"column{column}_{first // stride}"
                place = Place(f"{name}.{layer}", group, group)
                self.add_module(layer, ConvLayer(parts, place, "conv", inputs if first == 0 else width, width))
        for end in range(1, self.depth + 1):
            paths = len(self.ending(end))
            if paths > 1:
                about = {"paths": paths, "columns": columns}
                self.add_module(f"join{end}", parts.site(f"{name}.join{end}", "join", group, group, **about))

    def ending(self, end: int) -> range:
        """Return the columns in which a layer ends after a number of layers of the deepest column."""
        first = next(column for column in range(self.columns) if end % 2 ** (self.columns - 1 - column) == 0)
        return range(first, self.columns)

    def forward(self, input: Tensor) -> Tensor:
        feeds = [input] * self.columns
        output = input
        for end in range(1, self.depth + 1):
            ending = self.ending(end)
            outputs = []
            for column in ending:
                number = end // 2 ** (self.columns - 1 - column) - 1
                outputs.append(getattr(self, f"column{column}_{number}")(feeds[column]))
            if self.only is not None and self.only in ending:
                output = outputs[ending.index(self.only)]
            else:
                output = outputs[0] if len(outputs) == 1 else getattr(self, f"join{end}")(torch.stack(outputs)).mean(0)
            for column in ending:
                feeds[column] = output
        return output


class FractalNet(nn.Module):
    """Fractal blocks with a 2×2 max-pool of stride 2 between them, global average, linear classifier.

    (N, C, H, W) -> (N, classes). Every block is a group, `layer1`, `layer2`, …

    Args:
        widths: channels of each block.
        columns: of every block, C; the deepest has 2^(C-1) layers.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Source: §3. Differs from the paper: a global average in place of the last pooling, for images of any size.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        columns: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.whole_numbers("model.widths", widths)
        checks.whole_number("model.columns", columns, 1)
        checks.whole_number("model.classes", classes, 1)
        channels, *size = shape
        if min(size) < 2 ** (len(widths) - 1):
            raise ValueError(
                f"model.widths has {len(widths)} blocks with a pooling between: too many for {size[0]}×{size[1]}"
            )
        self.groups = len(widths)
        parts = Parts(norm, activation, sites, groups=self.groups, blocks=self.groups)
        self.drop_input = parts.site("input", "input")
        self.pool = nn.MaxPool2d(2)
        inputs = channels
        for group, width in enumerate(widths, 1):
            self.add_module(f"layer{group}", Fractal(parts, f"layer{group}", inputs, width, columns, group))
            inputs = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(inputs, classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop_input(input)
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output if group == 1 else self.pool(output))
        output = self.fc(self.drop_head(self.avgpool(output).flatten(1)))
        return output
