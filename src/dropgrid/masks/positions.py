"""The sampler: which of many rare trials succeed, at the cost of the successes."""

import math
from functools import cache
from types import ModuleType

import torch
from torch import Tensor


@cache
def native() -> ModuleType | None:
    """The compiled loops, where Numba is installed."""
    try:
        from dropgrid.masks import native
    except ImportError:
        return None
    return native


def bernoulli_positions(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """The successes of `count` independent Bernoulli(probability) trials, as sorted positions (int64).

    Gaps between successes are geometric: floor(ln(1 - u) / ln(1 - p)) + 1 with u uniform on [0, 1); their running
    sum is the Bernoulli process exactly, at a cost of its successes instead of its trials.
    """
    if probability <= 0 or count == 0:
        return torch.empty(0, dtype=torch.int64)
    if probability >= 1:
        return torch.arange(count)
    mean, of_failure, compiled = count * probability, math.log1p(-probability), native()
    draws = int(mean + 4 * math.sqrt(mean) + 16)
    found, last = [], -1
    while last < count:
        logarithms = torch.rand(draws, generator=generator, dtype=torch.float64).neg_().log1p_()
        if compiled:
            walked, last = compiled.walk(logarithms.numpy(), of_failure, count, last)
            positions = torch.from_numpy(walked)
        else:
            positions, last = walk(logarithms, of_failure, count, last)
        found.append(positions)
    return found[0] if len(found) == 1 else torch.cat(found)


def walk(logarithms: Tensor, of_failure: float, count: int, last: int) -> tuple[Tensor, int]:
    """What `dropgrid.masks.native.walk` does, in torch: the same to the bit."""
    gaps = logarithms.div_(of_failure).floor_().add_(1)
    # a gap past the end is past the end however long it is: clamped, the sum cannot overflow
    positions = gaps.clamp_(max=count + 1.0).cumsum_(0).to(torch.int64).add_(last)
    return positions[: int(torch.searchsorted(positions, count))], int(positions[-1])
