"""Random masks as custom ops: the key goes in as a 0-dim tensor, the generator is made inside.

A `torch.Generator` argument would break a full graph; these ops keep one graph while rates and keys change.
On CPU the zeros are found by walking their gaps (their number is small), elsewhere by comparing uniforms.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def bernoulli_positions(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """The successes of `count` independent Bernoulli(probability) trials, as sorted positions (int64).

    Gaps between successes are geometric: floor(ln(1 - u) / ln(1 - p)) + 1 with u uniform on [0, 1); their running
    sum is the Bernoulli process exactly, at a cost of its successes instead of its trials.
    """
    if probability <= 0 or count == 0:
        return torch.empty(0, dtype=torch.int64)
    if probability >= 1:
        return torch.arange(count)
    mean = count * probability
    draws = int(mean + 4 * math.sqrt(mean) + 16)
    found, last = [], -1
    while last < count:
        uniform = torch.rand(draws, generator=generator, dtype=torch.float64)
        gaps = uniform.neg_().log1p_().div_(math.log1p(-probability)).floor_().add_(1)
        # a gap past the end is past the end however long it is: clamped, the sum cannot overflow
        positions = gaps.clamp_(max=count + 1.0).cumsum_(0).to(torch.int64).add_(last)
        found.append(positions)
        last = int(positions[-1])
    positions = torch.cat(found)
    return positions[: int(torch.searchsorted(positions, count))]


@torch.library.custom_op("dropgrid::keep_mask", mutates_args=())
def keep_mask(input: Tensor, drop_prob: Tensor, key: Tensor, shape: Sequence[int]) -> Tensor:
    """A mask of 1 with independent zeros at rate `drop_prob`, in input's dtype and on its device.

    `shape` broadcasts to input's (N, C, …). The numbers depend on the key and the shape only: not on the memory
    format, which is input's own where the shape is input's.
    """
    probability, seed = float(drop_prob), int(key)
    generator = torch.Generator(input.device).manual_seed(seed)
    mask = torch.ones_like(input) if tuple(shape) == tuple(input.shape) else input.new_ones(shape)
    if input.device.type == "cpu":
        zeros = bernoulli_positions(math.prod(shape), probability, generator)
        fill_zeros(mask, zeros)
        return mask
    uniform = torch.rand(tuple(shape), generator=generator, device=input.device)
    return mask.masked_fill_(uniform < probability, 0)


@keep_mask.register_fake
def _(input: Tensor, drop_prob: Tensor, key: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty_like(input) if tuple(shape) == tuple(input.shape) else input.new_empty(shape)


def fill_zeros(mask: Tensor, positions: Tensor) -> None:
    """Zero the cells whose positions count in the logical (N, C, H, W) order, whatever mask's strides."""
    if mask.is_contiguous():
        mask.view(-1).index_fill_(0, positions, 0)
        return
    offsets = torch.zeros_like(positions)
    for size, stride in zip(reversed(mask.shape), reversed(mask.stride()), strict=True):
        offsets += (positions % size) * stride
        positions = positions // size
    storage(mask).index_fill_(0, offsets, 0)


def storage(dense: Tensor) -> Tensor:
    """A dense tensor's cells in memory order, as one flat view."""
    return dense.as_strided((dense.numel(),), (1,))


def count_zeros(mask: Tensor) -> Tensor:
    """How many cells of a 0-1 mask are 0 (0-dim, int64); counted in float32, where half precision cannot overflow."""
    return mask.numel() - mask.sum(dtype=torch.float32).to(torch.int64)
