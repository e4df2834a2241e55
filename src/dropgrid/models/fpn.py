"""A residual network with a feature pyramid that labels pixels (Lin et al., CVPR 2017; Kirillov et al., CVPR 2019)."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

from dropgrid import checks
from dropgrid.models.blocks import ConvLayer, Form, Place, check_stages, check_stem
from dropgrid.models.layers import Conv2d
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.models.resnet import BLOCKS, SHORTCUTS, Body, widths_of
from dropgrid.sites import Option


class Fpn(Body):
    """The encoder is `ResNet` without its head; the decoder a pyramid of `pyramid_width` channels, one level a group.

    p_j = lateral_j(c_j) + upsampled p_(j+1), c_j the features after group j, lateral_j a 1×1 convolution; the last
    level has no p_(j+1). Of each level a 3×3 convolution, norm and activation, upsampled to the size of the first;
    their sum, a 1×1 convolution to the classes, upsampled to the image. All upsampling is bilinear.

    (N, channels, H, W) -> (N, classes, H, W). Sites of the encoder are those of `ResNet`; those of the decoder,
    `decoder1`, …, follow the 3×3 convolutions and have their level's group; `head`, in group 1, is before the last
    convolution.

    Args:
        block, depths, base_width, width, strides, stem, stem_stride, shortcut: as in `ResNet`.
        pyramid_width: channels of each level, multiplied by `width`.
        shape: shape of an image, (C, H, W); of any H and W.
        classes: number of classes, the background among them.
        norm, activation: the axes' options.
        sites: regularizer options, called for every site.

    Raises:
        ValueError: an argument is out of its range.

    Differs from the sources: the pyramid's own 3×3 convolutions and the head's are one; Kirillov et al. (§3.1) upsample
    in steps of 2 with a convolution each, and have group norm.
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
        pyramid_width: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        checks.one_of("model.block", block, BLOCKS)
        checks.one_of("model.shortcut", shortcut, SHORTCUTS)
        check_stages(depths, strides)
        check_stem(stem, stem_stride)
        for name, value in (("base_width", base_width), ("pyramid_width", pyramid_width), ("classes", classes)):
            checks.whole_number(f"model.{name}", value, 1)
        checks.number("model.width", width, above=0)
        form = Form(shortcut, residual=True, cardinality=1, width_per_group=64)
        blocks = sum(depths)
        parts = Parts(norm, activation, sites, groups=len(depths), blocks=blocks)
        body = {"depths": depths, "features": widths_of(base_width, width, len(depths)), "strides": strides}
        super().__init__(parts, BLOCKS[block], form, stem=stem, stem_stride=stem_stride, channels=shape[0], **body)
        inner = max(1, round(pyramid_width * width))
        for group, features in enumerate(self.widths, 1):
            lateral = Conv2d(features, inner, 1)
            parts.weight(lateral, f"lateral{group}", group, blocks)
            self.add_module(f"lateral{group}", lateral)
            place = Place(f"decoder{group}", group, blocks)
            self.add_module(place.name, ConvLayer(parts, place, "decoder", inner, inner))
        self.drop_head = parts.site("head", "head", 1, blocks)
        self.classifier = Conv2d(inner, classes, 1)
        parts.weight(self.classifier, "classifier")

    def forward(self, input: Tensor) -> Tensor:
        found = self.maps(input)
        finest = [*found[0].shape[2:]]
        total: Tensor | None = None
        pyramid: Tensor | None = None
        for group in range(self.groups, 0, -1):
            lateral: Tensor = getattr(self, f"lateral{group}")(found[group - 1])
            pyramid = lateral if pyramid is None else lateral + upsampled(pyramid, [*lateral.shape[2:]])
            level = upsampled(getattr(self, f"decoder{group}")(pyramid), finest)
            total = level if total is None else total + level
        assert total is not None, "a network has groups"
        return upsampled(self.classifier(self.drop_head(total)), [*input.shape[2:]])


def upsampled(input: Tensor, size: list[int]) -> Tensor:
    """Return maps of another size (h, w), bilinear; the same if they have it."""
    return input if [*input.shape[2:]] == size else interpolate(input, size, mode="bilinear", align_corners=False)
