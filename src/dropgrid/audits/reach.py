"""Whether the results of drop layers are used: what a network returns depends on them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import set_checkpoint_early_stop

from dropgrid.audits.hooks import Watch
from dropgrid.audits.watch import Watched, pattern_of, tensors

AT_MOST = 16
"""The number of layers whose output is perturbed, at a pass each."""


def unused_results(
    run: Callable[[], Any], watch: Watch, layers: Sequence[Watched], model: nn.Module
) -> dict[Watched, bool | None]:
    """Return the layers whose results the network's output does not depend on; None: inconclusive.

    A gradient from the output reaches what is used. What it does not reach may still be used without a gradient, and
    where it is 0 the results may be multiplied by 0: the output of such a layer is perturbed, and nothing changes if
    it is not used.
    """
    with watch:
        reached = layers_reached(run, watch, layers, model)
        zero = zero_in_eval(run, watch, [each for each, some in reached.items() if not some], model)
        suspects = [each for each in layers if each not in reached or each in zero]
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


def layers_reached(
    run: Callable[[], Any], watch: Watch, layers: Sequence[Watched], model: nn.Module
) -> dict[Watched, bool]:
    """Return the layers that a gradient from the network's output reaches -> whether some of it is not 0.

    The backward pass is a whole one, to the parameters: checkpoints call layers again in it, and masks are compared.
    """
    for each in layers:
        each.results.clear()
        each.zeros.clear()
    watch.start("reach")
    try:
        with torch.enable_grad(), set_checkpoint_early_stop(False):
            outputs = [each for each in tensors(run()) if each.requires_grad]
            watch.start("recompute")
            results = [each for layer in layers for each in layer.results if each.requires_grad]
            slopes: Sequence[Tensor | None] = [None] * len(results)
            if outputs and results:
                weighted = [(each.abs().float() * (1 + pattern_of(each))).sum() for each in outputs]
                trained = [each for each in model.parameters() if each.requires_grad]
                slopes = torch.autograd.grad(torch.stack(weighted).sum(), [*results, *trained], allow_unused=True)
    except RuntimeError:  # a network that cannot be differentiated
        return {}
    finally:
        watch.start("")
    some = {id(each): bool(slope.any()) for each, slope in zip(results, slopes, strict=False) if slope is not None}
    found = {layer: [some[id(each)] for each in layer.results if id(each) in some] for layer in layers}
    return {layer: any(values) for layer, values in found.items() if values}


def zero_in_eval(
    run: Callable[[], Any], watch: Watch, layers: Sequence[Watched], model: nn.Module
) -> Collection[Watched]:
    """Return those layers whose gradient is 0 in eval mode too, with parameters that are all 0 filled.

    In train mode a whole branch may be dropped, and the factor of a branch may be a parameter that starts at 0.
    """
    if not layers:
        return []
    model.eval()
    try:
        with filling_zeros(model):
            reached = layers_reached(run, watch, layers, model)
    finally:
        model.train()
    return [each for each, some in reached.items() if not some]


@contextmanager
def filling_zeros(model: nn.Module) -> Iterator[None]:
    """Fill parameters that are all 0 with other numbers, and empty them again."""
    zeros = [each for each in model.parameters() if each.is_floating_point() and not bool(each.any())]
    try:
        for each in zeros:
            each.copy_((1 + pattern_of(each)) / 8)
        yield
    finally:
        for each in zeros:
            each.zero_()


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
