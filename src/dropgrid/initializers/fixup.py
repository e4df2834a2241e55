"""Fixup initialization (Zhang, Dauphin, Ma, ICLR 2019)."""

from collections.abc import Callable
from typing import Any

from torch import nn

from dropgrid.initializers.kaiming import kaiming
from dropgrid.initializers.layers import Generators, weights


def fixup(
    model: nn.Module,
    *,
    generator: Generators,
    activation: Callable[[], nn.Module],
    batch: Any = None,
    mode: str,
    distribution: str,
) -> None:
    """Kaiming, times L^(-1/(2m-2)) in the m layers of each of L residual branches; last layers and classifier are 0.

    A residual net without norms then starts as its shortcuts alone, and a step of SGD changes its output by as much
    whatever its depth. Biases 0. A branch of one layer is 0.

    Args:
        mode, distribution: of `kaiming`, which the layers outside the branches keep.

    Raises:
        ValueError: a model without residual branches, a weight-normalised layer, or what `kaiming` refuses.

    Source: §3, rules 1 and 2. The third, scalar multipliers and biases, is the model's: `model.branch_scale=fixup`.
    """
    blocks = {name: module for name, module in model.named_modules() if hasattr(module, "branch_layers")}
    if not blocks:
        raise ValueError("init=fixup needs residual branches to scale; this model has none")
    kaiming(model, generator=generator, activation=activation, mode=mode, distribution=distribution)
    found = {weight.name: weight for weight in weights(model)}
    for block, module in blocks.items():
        names: Any = module.branch_layers
        *before, last = (found[".".join([*filter(None, [block, name]), "weight"])] for name in names)
        for weight in before:
            weight.set(weight.tensor * len(blocks) ** (-1 / (2 * len(before))))
        last.zero()
    for weight in found.values():
        if weight.classifier:
            weight.zero()
