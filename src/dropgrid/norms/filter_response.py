"""Filter response normalization with its thresholded unit (Singh, Krishnan, CVPR 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dropgrid import checks


class FilterResponseNorm(nn.Module):
    """y = x / sqrt(mean(x²) + eps) · gain + shift, the mean over a channel's cells; if thresholded max(y, tau)."""

    def __init__(self, features: int, eps: float, threshold: bool):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.tau = nn.Parameter(torch.zeros(features)) if threshold else None

    def forward(self, input: Tensor) -> Tensor:
        if input.shape[2:].numel() == 1:
            raise ValueError(
                "norm=filter_response takes the mean over the cells of a feature map; larger images are needed: "
                f"a map of 1×1 is left of {input.shape[1]} channels"
            )
        whole = input.float()  # squares of half precision overflow
        scale = torch.rsqrt(whole.square().mean((2, 3), keepdim=True) + self.eps)
        found = whole * scale * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
        return (found if self.tau is None else torch.maximum(found, self.tau.view(-1, 1, 1))).to(input.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}, threshold={self.tau is not None}"


def filter_response(
    layer: Callable[..., nn.Module], features: int, *, eps: float, threshold: bool
) -> tuple[nn.Module, nn.Module]:
    """x / sqrt(mean(x²) + eps) · gain + shift, the mean over the cells of each channel of each example.

    The same in training and in eval, at any batch size.

    Args:
        eps: added to the mean square; the paper's 10⁻⁶, not learned, as it has it for maps of many cells.
        threshold: then max(y, tau), tau a channel learned from 0: the paper's unit, in the place of the activation, so
            that it goes with `activation=identity`. Before a ReLU a tau below 0 does nothing.

    Raises:
        ValueError: after a linear layer, which gives one value a channel; in the forward pass, maps of 1×1; eps not
            above 0; threshold not a bool.

    Source: §3.
    """
    checks.number("norm.eps", eps, above=0)
    checks.boolean("norm.threshold", threshold)
    before = layer(bias=False)
    if isinstance(before, nn.Linear):
        raise ValueError(
            "norm=filter_response takes the mean over the cells of a feature map, and a hidden linear layer has none; "
            "choose another norm for this model"
        )
    return before, FilterResponseNorm(features, eps, threshold)
