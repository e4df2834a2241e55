"""Very deep plain convolutional networks, after Xiao et al. (ICML 2018)."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from dropgrid import checks
from dropgrid.models.layers import Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class Layer(nn.Sequential):
    """act(norm(conv3x3(x))), then the regularizers; (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, parts: Parts, name: str, inputs: int, outputs: int, padding: str, group: int, block: int):
        conv, norm = parts.conv(inputs, outputs, 3, padding_mode=padding)
        parts.weight(conv, f"{name}.conv", group, block)
        drop = parts.site(name, "conv", group, block)
        super().__init__(OrderedDict(conv=conv, norm=norm, act=parts.activation(), drop=drop))


class DeepPlain(nn.Module):
    """A 3×3 convolution to `channels`, average pooling, `depth` 3×3 convolutions of stride 1, linear classifier.

    (N, C, H, W) -> (N, classes). All convolutions have stride 1 and none narrows the signal: delta-orthogonal weights
    keep its norm through every one. The layers are cut into `groups` of equal depth.

    Args:
        depth: convolutions after the first.
        channels: channels of all convolutions.
        pool: side of the cells that are averaged after the first convolution, for smaller maps.
        padding: zeros, or circular (the periodic maps of the theory, §2.1).
        groups: number of groups, which regularizers can select.
        shape: shape of an image, (C, H, W).
        classes: number of classes.
        norm, activation: the axes' options; the experiment is norm=none activation=tanh.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range.

    Source: §3. Differs from the paper: average pooling in place of strided convolutions, so that all of them can be
    orthogonal, and a classifier on the whole map.
    """

    def __init__(
        self,
        *,
        depth: int,
        channels: int,
        pool: int,
        padding: str,
        groups: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        numbers = {"depth": depth, "channels": channels, "pool": pool, "groups": groups, "classes": classes}
        for name, value in numbers.items():
            checks.whole_number(f"model.{name}", value, 1)
        checks.one_of("model.padding", padding, ("zeros", "circular"))
        inputs, height, width = shape
        if min(height, width) < pool:
            raise ValueError(f"model.pool={pool} is larger than the image, {height}×{width}")
        if channels < inputs:
            raise ValueError(f"model.channels must be the image's {inputs} or more, got {channels}")
        if depth < groups:
            raise ValueError(f"model.groups={groups} needs as many layers, and model.depth is {depth}")
        self.groups = groups
        parts = Parts(norm, activation, sites, groups=groups, blocks=depth)
        self.drop_input = parts.site("input", "input")
        self.conv1, self.norm1 = parts.conv(inputs, channels, 3, padding_mode=padding)
        parts.weight(self.conv1, "conv1")
        self.act1 = activation()
        self.pool = nn.AvgPool2d(pool)
        block = 0
        for group in range(1, groups + 1):
            layers = nn.Sequential()
            while block < depth * group // groups:
                block += 1
                name = f"layer{group}.{len(layers)}"
                layers.append(Layer(parts, name, channels, channels, padding, group, block))
            self.add_module(f"layer{group}", layers)
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(channels * (height // pool) * (width // pool), classes)
        parts.weight(self.fc, "fc")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.pool(self.act1(self.norm1(self.conv1(self.drop_input(input)))))
        for group in range(1, self.groups + 1):
            output = getattr(self, f"layer{group}")(output)
        output = self.fc(self.drop_head(output.flatten(1)))
        return output
