"""Whether the results of drop layers are used: what a network returns depends on them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dropgrid.audits.hooks import Watch
from dropgrid.audits.watch import Watched, tensors

AT_MOST = 16
"""The number of layers whose output is perturbed, at a pass each."""


def unused_results(run: Callable[[], Any], watch: Watch, layers: Sequence[Watched]) -> dict[Watched, bool | None]:
    """Return the layers whose results the network's output does not depend on; None: inconclusive.

    A gradient from the output reaches what is used. What it does not reach may still be used without a gradient: the
    output of such a layer is perturbed, and nothing changes if it is not used.
    """
    with watch:
        suspects = layers_without_gradient(run, watch, layers)
        found: dict[Watched, bool | None] = dict.fromkeys(suspects)
        if not suspects:
            return {}
        before, again = (outputs_with(run, watch, None) for _ in range(2))
        for each in suspects[:AT_MOST]:
            if equal_tensors(before, outputs_with(run, watch, each)):
                found[each] = True if before else None
            elif equal_tensors(before, again):
                found[each] = False
    return found


def layers_without_gradient(run: Callable[[], Any], watch: Watch, layers: Sequence[Watched]) -> list[Watched]:
    """Return the layers that no gradient from the network's output reaches."""
    for each in layers:
        each.results.clear()
    watch.start("reach")
    try:
        with torch.enable_grad():
            outputs = [each for each in tensors(run()) if each.requires_grad]
            watch.start("")
            results = [each for layer in layers for each in layer.results if each.requires_grad]
            slopes: Sequence[Tensor | None] = [None] * len(results)
            if outputs and results:
                total = torch.stack([each.abs().sum().float() for each in outputs]).sum()
                slopes = torch.autograd.grad(total, results, allow_unused=True)
    except RuntimeError:  # a network that cannot be differentiated
        return list(layers)
    finally:
        watch.start("")
    used = {id(each) for each, slope in zip(results, slopes, strict=True) if slope is not None}
    return [layer for layer in layers if not any(id(each) in used for each in layer.results)]


def outputs_with(run: Callable[[], Any], watch: Watch, layer: Watched | None) -> list[Tensor]:
    """Return the network's outputs with a layer's output perturbed, or none's; the draws are always the same."""
    torch.manual_seed(0)
    if layer is not None:
        watch.start("perturb", only=layer)
    try:
        return [each.detach().clone() for each in tensors(run())]
    finally:
        watch.start("")


def equal_tensors(some: list[Tensor], others: list[Tensor]) -> bool:
    """Predicate: two lists hold the same tensors."""
    return len(some) == len(others) and all(
        torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in zip(some, others, strict=True)
    )
