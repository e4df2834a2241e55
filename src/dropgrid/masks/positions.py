"""The sampler: which of many rare trials succeed, at the cost of the successes.

They are known by the gaps between them, two bytes each (int16): from one success, at first from -1, to the next. A gap
of `FAR` or more comes in pieces: `FAR` says to go on that far, and that no success is there.
"""

import math
from functools import cache
from types import ModuleType

import torch
from torch import Tensor

from dropgrid.masks.grid import FAR


@cache
def native() -> ModuleType | None:
    """Return the compiled loops; None if Numba is not installed."""
    try:
        from dropgrid.masks import native
    except ImportError:
        return None
    return native


def bernoulli_gaps(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Return the successes of `count` independent Bernoulli(probability) trials, as gaps.

    Gaps are geometric: floor(ln(1 - u) / ln(1 - p)) + 1 with u uniform on [0, 1); their running sum is the Bernoulli
    process exactly, at a cost of its successes instead of its trials.
    """
    if probability <= 0 or count == 0:
        return torch.empty(0, dtype=torch.int16)
    if probability >= 1:
        return torch.ones(count, dtype=torch.int16)
    mean, of_failure, compiled = count * probability, math.log1p(-probability), native()
    draws = int(mean + 4 * math.sqrt(mean) + 16)
    found, last = [], -1
    while last < count:
        logarithms = torch.rand(draws, generator=generator, dtype=torch.float64).neg_().log1p_()
        if compiled:
            walked, last = compiled.walk(logarithms.numpy(), of_failure, count, last)
            gaps = torch.from_numpy(walked)
        else:
            gaps, last = walk(logarithms, of_failure, count, last)
        found.append(gaps)
    return found[0] if len(found) == 1 else torch.cat(found)


def walk(logarithms: Tensor, of_failure: float, count: int, last: int) -> tuple[Tensor, int]:
    """Compute `dropgrid.masks.native.walk` in torch, bit-identically."""
    # a gap past the end is past the end however long it is: clamped, the sum cannot overflow
    gaps = logarithms.div_(of_failure).floor_().add_(1).clamp_(max=count + 1.0).to(torch.int64)
    positions = gaps.cumsum(0).add_(last)
    gaps = gaps[: int(torch.searchsorted(positions, count))]
    return in_pieces(gaps), int(positions[-1])


def in_pieces(gaps: Tensor) -> Tensor:
    """Return gaps (int64) as int16, those of `FAR` or more in pieces."""
    pieces = torch.full((len(gaps) + int((gaps // FAR).sum()),), FAR, dtype=torch.int16)
    pieces[(gaps // FAR + 1).cumsum(0) - 1] = (gaps % FAR).to(torch.int16)
    return pieces


def positions_of(gaps: Tensor) -> Tensor:
    """Return the successes themselves, sorted (int64)."""
    return (gaps.cumsum(0) - 1)[gaps != FAR]


def gaps_of(positions: Tensor) -> Tensor:
    """Return successes, sorted (int64), each once, as gaps: the inverse of `positions_of`."""
    return in_pieces(positions.diff(prepend=positions.new_tensor([-1])))
