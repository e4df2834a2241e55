"""Random numbers as a function of a key that lies on the device: nothing is read back, one graph while keys change."""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

BITS = 0xFFFFFFFF

Key = TypeVar("Key", int, Tensor)


def mixed_key(key: Key) -> Key:
    """Return a key's hash, a 63-bit integer: keys that are close together, such as steps, become unrelated ones.

    Only for keys that a caller chose: `uniform` of neighbours is the same numbers in another order, and
    `dropgrid.streams.key` is hashed already.

    Args:
        key: any integer, or an int64 tensor; of equal value, both have the same hash.

    Source: number key + 1 of SplitMix64 with seed 0 (Steele, Lea, Flood, OOPSLA 2014, Fig. 15), without its last bit.
    """
    # the factors as int64; masked after a shift, the sign is a bit like the others, in a tensor and in an integer
    x = (key + 1) * -0x61C8864680B583EB
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    return ((x ^ ((x >> 31) & 0x1FFFFFFFF)) >> 1) & 0x7FFFFFFFFFFFFFFF


def uniform(key: Tensor, shape: Sequence[int]) -> Tensor:
    """Return numbers uniform on [0, 1) in steps of 2⁻²⁴ (float32), on the key's device and the same on all.

    Number i is a hash of i and the key's two halves: two rounds of (x ⊕ x ≫ 16) · 0x45d9f3b, each of three such
    steps. The factor is below 2³¹, so that no product of 32-bit numbers overflows int64.

    Args:
        key: 0-dim int64.
        shape: fewer than 2³² numbers.
    """
    index = torch.arange(math.prod(shape), device=key.device)
    mixed = mix(mix(index ^ (key & BITS)) ^ (key >> 32))
    return ((mixed >> 8).to(torch.float32) * 2**-24).view(tuple(shape))


def normal(key: Tensor, shape: Sequence[int]) -> Tensor:
    """Return N(0, 1) numbers (float32) by Box and Muller (1958): √(-2 ln u) · cos(2π v), u in (0, 1], v in [0, 1)."""
    count = math.prod(shape)
    numbers = uniform(key, [2, count])
    return ((-2 * (1 - numbers[0]).log()).sqrt() * (2 * math.pi * numbers[1]).cos()).view(tuple(shape))


def mix(x: Tensor) -> Tensor:
    """Return x under a bijection of 32-bit numbers that spreads every bit over all."""
    for _ in range(3):
        x = ((x >> 16) ^ x) * 0x45D9F3B & BITS
    return (x >> 16) ^ x


def keep_mask(input: Tensor, drop_prob: Tensor, key: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a mask of ones with zeros at rate `drop_prob`, in input's dtype; `shape` broadcasts to input's."""
    return (uniform(key, shape) >= drop_prob).to(input.dtype)


def count_zeros(mask: Tensor) -> Tensor:
    """Return the number of zeros of a 0-1 mask (0-dim int64); counted in float32, as half precision can overflow."""
    return mask.numel() - mask.sum(dtype=torch.float32).to(torch.int64)
