"""Delta-orthogonal initialization (Xiao et al., ICML 2018)."""

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid import checks
from dropgrid.initializers.gains import gain_of
from dropgrid.initializers.layers import Generators, Weight, weights, zero_biases
from dropgrid.initializers.orthogonal import orthogonal_matrices


def delta_orthogonal(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    gain: float | str,
    strict: bool,
) -> None:
    """w[:, :, centre] = gain · H with Hᵀ H = I, and 0 at the kernel's other cells. Biases 0.

    With c_in ≤ c_out and stride 1 the layer keeps norms, ‖w * x‖ = gain · ‖x‖ for every image x: an isometry, whatever
    the padding. Elsewhere none exists, and unless `strict` the kernel is the same there: with c_in > c_out the rows of
    H are orthonormal, which keeps the mean variance of a channel; with a stride the cells stepped over are lost.
    Linear layers are kernels of one cell; the gain of the classifier is 1.

    Args:
        gain: activation, critical or a number above 0 (see `gains`); the paper's is critical.
        strict: a convolution that cannot be an isometry is an error.

    Raises:
        ValueError: for a value outside these, an even kernel (it has no centre), or what `strict` forbids.

    Source: Algorithm 2. Differs from the paper: no error at c_in > c_out unless `strict`; a grouped convolution
    has an H for each group.
    """
    checks.boolean("init.strict", strict)
    factor = gain_of(gain, activation)
    zero_biases(model)
    for weight in weights(model):
        tensor, groups = weight.tensor, weight.groups
        check_kernel(weight, strict)
        cells = math.prod(tensor.shape[2:])
        made = orthogonal_matrices(tensor, groups, len(tensor) // groups, tensor.shape[1], generator(weight.name))
        values = tensor.new_zeros(*tensor.shape[:2], cells)
        values[..., cells // 2] = made.flatten(0, 1) * (1.0 if weight.classifier else factor)
        weight.set(values.view(tensor.shape))


def check_kernel(weight: Weight, strict: bool) -> None:
    """Raise ValueError for a convolution that has no delta-orthogonal kernel."""
    if isinstance(weight.layer, nn.Linear):
        return
    outputs, inputs, *kernel = weight.tensor.shape
    about = f"init=delta_orthogonal: {weight.name.removesuffix('.weight')} has"
    if any(size % 2 == 0 for size in kernel):
        raise ValueError(f"{about} an even kernel {tuple(kernel)}, which has no centre; use init=orthogonal")
    strides: Any = weight.layer.stride
    if strict and any(stride != 1 for stride in strides):
        raise ValueError(f"{about} stride {tuple(strides)} and keeps no norms; use init.strict=false")
    outputs //= weight.groups
    if strict and inputs > outputs:
        raise ValueError(f"{about} more inputs than outputs, {inputs} > {outputs}; use init.strict=false")
