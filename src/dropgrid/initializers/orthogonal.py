"""Orthogonal initialization (Saxe, McClelland, Ganguli, ICLR 2014)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dropgrid.initializers.gains import gain_of
from dropgrid.initializers.layers import Generators, weights, zero_biases


@torch.no_grad()
def orthogonal_matrices(like: Tensor, count: int, rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Return independent (count, rows, columns) matrices, uniform among those with orthonormal shorter side.

    The Q of a Gaussian matrix' QR decomposition, its signs set so that R has a positive diagonal (without that, not
    uniform: Mezzadri, 2007). On the device of a tensor and of its dtype.
    """
    tall = torch.empty(count, max(rows, columns), min(rows, columns), dtype=like.dtype, device=like.device)
    q: Tensor
    q, r = torch.linalg.qr(tall.normal_(generator=generator))
    q = q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    return q if rows >= columns else q.mT


def orthogonal(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    gain: float | str,
) -> None:
    """W Wᵀ = gain² I, or Wᵀ W = gain² I if there are more units than inputs; the classifier's gain is 1. Biases 0.

    A convolution's weight (out, in, kH, kW) is the matrix (out, in · kH · kW) of a patch to the units, in a grouped
    one for each group; the map from image to image is no isometry (see `delta_orthogonal`).

    Args:
        gain: activation, critical or a number above 0 (see `gains`).

    Raises:
        ValueError: an argument has another value.

    Source: §3, "dynamical isometry".
    """
    factor = gain_of(gain, activation)
    zero_biases(model)
    for weight in weights(model):
        tensor, groups = weight.tensor, weight.groups
        made = orthogonal_matrices(tensor, groups, len(tensor) // groups, weight.fan_in, generator(weight.name))
        weight.set((made * (1.0 if weight.classifier else factor)).reshape(tensor.shape))
