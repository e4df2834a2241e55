"""U-Net (Ronneberger, Fischer, Brox, MICCAI 2015, arXiv 1505.04597): an encoder and a decoder joined at every size."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from dropgrid import checks
from dropgrid.models.fpn import upsampled
from dropgrid.models.layers import Conv2d
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class UNet(nn.Module):
    """Levels of two 3×3 convolutions each with norm and activation, twice as wide on maps half as large, and back.

    The encoder's levels are groups 1 to `levels`, with a 2×2 max-pooling before each but the first. The decoder's have
    the group whose map they return to: the map of the level below, upsampled (bilinear), beside that of the encoder's
    level. A 1×1 convolution classifies each pixel of the first.

    (N, channels, H, W) -> (N, classes, H, W). Sites: `conv` and `decoder` after each convolution of either, `skip` on
    what goes across, `head` in group 1 before the last convolution.

    Args:
        base_width: channels of the first level, multiplied by `width`.
        width: multiplies every width.
        levels: number of groups, 2 or more; H and W must be at least 2^(levels - 1).
        shape: shape of an image, (C, H, W).
        classes: number of classes, the background among them.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range, or images are too small.

    Differs from the paper: convolutions are padded, so that a map has its image's size; a norm, which the paper lacks;
    bilinear upsampling in the place of 2×2 transposed convolutions.
    """

    def __init__(
        self,
        *,
        base_width: int,
        width: float,
        levels: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        checks.whole_number("model.base_width", base_width, 1)
        checks.whole_number("model.levels", levels, 2)
        checks.whole_number("model.classes", classes, 1)
        checks.number("model.width", width, above=0)
        channels, *size = shape
        if min(size) < 2 ** (levels - 1):
            raise ValueError(f"model.levels={levels} needs images of {2 ** (levels - 1)} pixels, got {min(size)}")
        self.groups = levels
        widths = [max(1, round(base_width * width)) * 2**level for level in range(levels)]
        parts = Parts(norm, activation, sites, groups=levels, blocks=2 * levels - 1)
        self.drop_input = parts.site("input", "input")
        for group, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False), 1):
            self.add_module(f"encoder{group}", Level(parts, f"encoder{group}", "conv", inputs, outputs, group, group))
        for group in range(levels - 1, 0, -1):
            block, inputs, outputs = 2 * levels - group, widths[group] + widths[group - 1], widths[group - 1]
            self.add_module(f"skip{group}", parts.site(f"skip{group}", "skip", group, block))
            level = Level(parts, f"decoder{group}", "decoder", inputs, outputs, group, block)
            self.add_module(f"decoder{group}", level)
        self.drop_head = parts.site("head", "head", 1, 2 * levels - 1)
        self.classifier = Conv2d(widths[0], classes, 1)
        parts.weight(self.classifier, "classifier")

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.drop_input(input)
        across: list[Tensor] = []
        for group in range(1, self.groups + 1):
            output = getattr(self, f"encoder{group}")(max_pool2d(output, 2) if across else output)
            across.append(output)
        for group in range(self.groups - 1, 0, -1):
            beside: Tensor = getattr(self, f"skip{group}")(across[group - 1])
            output = torch.cat([beside, upsampled(output, [*beside.shape[2:]])], 1)
            output = getattr(self, f"decoder{group}")(output)
        output = self.classifier(self.drop_head(output))
        return output


class Level(nn.Module):
    """Two 3×3 convolutions, each with norm, activation and a site."""

    def __init__(self, parts: Parts, name: str, place: str, inputs: int, outputs: int, group: int, block: int):
        super().__init__()
        for number, features in ((1, inputs), (2, outputs)):
            conv, norm = parts.conv(features, outputs, 3)
            parts.weight(conv, f"{name}.conv{number}", group, block)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"norm{number}", norm)
            self.add_module(f"act{number}", parts.activation())
            self.add_module(f"drop{number}", parts.site(f"{name}.conv{number}", place, group, block))

    def forward(self, input: Tensor) -> Tensor:
        output = input
        for number in (1, 2):
            for part in ("conv", "norm", "act", "drop"):
                output = getattr(self, f"{part}{number}")(output)
        return output
