"""Dynamic tanh, which takes the place of a norm (Zhu, Chen, He, LeCun, Liu, CVPR 2025)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dropgrid import checks


class DynamicTanh(nn.Module):
    """gain · tanh(alpha · x) + shift, one alpha a layer, gain and shift a channel; all learned."""

    def __init__(self, features: int, alpha: float):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), float(alpha)))
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, input: Tensor) -> Tensor:
        gain, shift = (each.view(-1, *[1] * (input.dim() - 2)) for each in (self.weight, self.bias))
        return (gain * torch.tanh(self.alpha * input) + shift).to(input.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}"


def dyt(layer: Callable[..., nn.Module], features: int, *, alpha: float) -> tuple[nn.Module, nn.Module]:
    """gain · tanh(alpha · x) + shift, all three learned; no statistics of any kind.

    The same in training and in eval, at any batch size.

    Args:
        alpha: the first value of the one number a layer by which its outputs are scaled; the paper's 0.5.

    Raises:
        ValueError: alpha no finite number.

    Source: the section “Dynamic Tanh (DyT)”, algorithm 1. The paper replaces the norms of transformers.
    """
    checks.number("norm.alpha", alpha)
    return layer(bias=False), DynamicTanh(features, alpha)
