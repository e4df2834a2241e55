"""Root mean square normalization (Zhang, Sennrich, NeurIPS 2019)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dropgrid import checks


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · gain, the mean over dimension 1: a cell's channels, or a layer's units."""

    def __init__(self, features: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, input: Tensor) -> Tensor:
        whole = input.float()  # squares of half precision overflow
        scale = torch.rsqrt(whole.square().mean(1, keepdim=True) + self.eps)
        gain = self.weight.view(-1, *[1] * (input.dim() - 2))
        return (whole * scale * gain).to(input.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"


def rms(layer: Callable[..., nn.Module], features: int, *, eps: float) -> tuple[nn.Module, nn.Module]:
    """x / sqrt(mean(x²) + eps) · gain, the mean over the channels of each cell, or the units of a linear layer.

    Layer norm without the mean and without the shift: the layer before it keeps its bias. The same in training and in
    eval, at any batch size. `norm=layer` takes all cells of a map together, this each alone, as transformers do with
    tokens; no source names a form for convolutions.

    Raises:
        ValueError: eps not above 0.

    Source: §4, eq. 4.
    """
    checks.number("norm.eps", eps, above=0)
    return layer(bias=True), RMSNorm(features, eps)
