"""Learned scalars on residual branches, with which residual networks train without normalization.

`skipinit` (De, Smith, NeurIPS 2020; ReZero, Bachlechner et al., UAI 2021): a multiplier that starts at 0 ends a branch.
`fixup` (Zhang et al., ICLR 2019, §3): one that starts at 1, and scalar biases that start at 0 before each convolution,
the classifier and each activation; no other biases. Its scalars learn at a tenth of the rate, as in the authors' code.
"""

import torch
from torch import Tensor, nn

BRANCH_SCALES = ("none", "skipinit", "fixup")


FIXUP_LR_SCALE = 0.1
"""Factor of the learning rate, for scalars."""


class Shift(nn.Module):
    """input + bias, with a scalar bias."""

    def __init__(self) -> None:
        super().__init__()
        self.lr_scale = FIXUP_LR_SCALE
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, input: Tensor) -> Tensor:
        return input + self.bias


class Scale(nn.Module):
    """input · weight, with a scalar weight."""

    def __init__(self, start: float, lr_scale: float):
        super().__init__()
        self.start = start
        self.lr_scale = lr_scale
        self.weight = nn.Parameter(torch.full((1,), start))

    def forward(self, input: Tensor) -> Tensor:
        return input * self.weight

    def extra_repr(self) -> str:
        return f"start={self.start:g}"


def shift(branch_scale: str) -> nn.Module:
    """Return the module before a convolution, the classifier or an activation."""
    return Shift() if branch_scale == "fixup" else nn.Identity()


def scale(branch_scale: str) -> nn.Module:
    """Return the module at the end of a branch."""
    if branch_scale == "none":
        return nn.Identity()
    return Scale(0.0, 1.0) if branch_scale == "skipinit" else Scale(1.0, FIXUP_LR_SCALE)
