"""A small network that dropgrid does not have."""

from collections.abc import Sequence

from torch import Tensor, nn

from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class TwoConvs(nn.Module):
    """Two 3×3 convolutions, each a group with a site for regularizers, mean over the map, a linear classifier.

    (N, C, H, W) -> (N, classes). `parts` builds what the axes choose: norm, activation, regularizers.
    """

    def __init__(
        self,
        *,
        width: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: Sequence[Option] = (),
    ):
        super().__init__()
        self.groups = 2
        parts = Parts(norm, activation, sites, groups=2, blocks=2)
        self.conv1, self.norm1 = parts.conv(shape[0], width, 3, stride=2)
        self.act1, self.drop1 = parts.activation(), parts.site("conv1", "conv", 1, 1)
        self.conv2, self.norm2 = parts.conv(width, 2 * width, 3, stride=2)
        self.act2, self.drop2 = parts.activation(), parts.site("conv2", "conv", 2, 2)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, input: Tensor) -> Tensor:
        output = self.drop1(self.act1(self.norm1(self.conv1(input))))
        output = self.drop2(self.act2(self.norm2(self.conv2(output))))
        return self.fc(output.mean((2, 3)))  # type: ignore[no-any-return]
