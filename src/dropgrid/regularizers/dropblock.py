"""DropBlock (Ghiasi, Lin, Le, NeurIPS 2018, arXiv 1810.12890)."""

import math
from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.masks.drop import drop, on_host
from dropgrid.masks.grid import Grid
from dropgrid.masks.uniform import mixed_key
from dropgrid.sites import AbstractDrop, Site, drop_prob_of

GAMMAS = ("paper", "exact", "area")
SEEDS = ("fits", "anywhere")
PARTS = {"encoder": ("conv",), "decoder": ("decoder",), "both": ("conv", "decoder"), "head": ("head",)}
"""Part of a network -> the places of its maps."""


def places(size: int, block: int, seeds: str) -> int:
    """Return the number of places on a line of `size` cells where a block may be seeded."""
    return size - block + 1 if seeds == "fits" else size


def cover_counts(sizes: Sequence[int], block: int, seeds: str = "fits") -> np.ndarray:
    """Return for each cell of a map of these sizes how many possible blocks cover it: between 1 and block per axis."""

    def line(size: int) -> np.ndarray:
        first = np.arange(size) - block + 1 + (0 if seeds == "fits" else (block - 1) // 2)
        return np.minimum(first + block, places(size, block, seeds)) - np.maximum(first, 0)

    found: np.ndarray = reduce(np.multiply.outer, map(line, sizes))
    return found


def expected_fraction(seed_rate: np.ndarray, sizes: Sequence[int], block: int, seeds: str = "fits") -> np.ndarray:
    """Return the exact expected dropped fraction: mean over cells of 1 - (1 - γ)^(blocks that cover the cell)."""
    counts, cells = np.unique(cover_counts(sizes, block, seeds), return_counts=True)
    kept = (1 - np.asarray(seed_rate, dtype=float)[..., None]) ** counts
    dropped: np.ndarray = 1 - kept @ (cells / math.prod(sizes))
    return dropped


def seed_rate(drop_prob: Any, sizes: Sequence[int], block: int, gamma: str = "paper", seeds: str = "fits") -> Any:
    """Return γ, the rate at which blocks are seeded, for a number or (except for exact) a 0-dim tensor.

    paper: γ = drop_prob / block² · H·W / ((H - block + 1)(W - block + 1)) (§3, eq. 1), capped at 1; blocks overlap,
    so a little less than drop_prob is dropped. exact: the γ at which the expected dropped fraction is drop_prob.
    area: γ = drop_prob / block². In one and three dimensions the powers and products are over as many axes.
    """
    if gamma == "exact":
        return exact_seed_rate(drop_prob, tuple(sizes), block, seeds)
    if gamma == "area":
        return drop_prob / block ** len(sizes)
    rate = drop_prob / block ** len(sizes) * math.prod(sizes) / math.prod([size - block + 1 for size in sizes])
    return rate.clamp(max=1) if isinstance(rate, Tensor) else min(rate, 1.0)


@lru_cache(maxsize=4096)
def exact_seed_rate(drop_prob: float, sizes: tuple[int, ...], block: int, seeds: str = "fits") -> float:
    """Return γ by bisection: the expected fraction grows with γ, from 0 at 0 to 1 at 1."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if expected_fraction(np.array(middle), sizes, block, seeds) < drop_prob:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@torch.library.custom_op("dropgrid::exact_seed_rate", mutates_args=())
def exact_seed_rate_op(drop_prob: Tensor, sizes: list[int], block: int, seeds: str) -> Tensor:
    """Return `exact_seed_rate` of a 0-dim tensor, which is read back to the host."""
    rate = exact_seed_rate(float(drop_prob), tuple(sizes), block, seeds)
    return torch.tensor(rate, dtype=torch.float64, device=drop_prob.device)


@exact_seed_rate_op.register_fake
def _(drop_prob: Tensor, sizes: list[int], block: int, seeds: str) -> Tensor:
    return drop_prob.new_empty((), dtype=torch.float64)


def rate_for(input: Tensor, drop_prob: Tensor, block: int, gamma: str, seeds: str) -> float | Tensor:
    """Return γ for an input (N, C, …): a number on a CPU, else a tensor, which is not read back but for `exact`."""
    sizes = [*input.shape[2:]]
    if on_host(input):
        rate: float | Tensor = seed_rate(float(drop_prob), sizes, block, gamma, seeds)
        return rate
    if gamma == "exact":
        found: Tensor = exact_seed_rate_op(drop_prob, sizes, block, seeds)
        return found
    return seed_rate(drop_prob.double(), sizes, block, gamma, seeds)  # type: ignore[no-any-return]


def checked_rate(drop_prob: float | Tensor) -> Tensor:
    """Return drop_prob as a tensor; ValueError for a number outside [0, 1]."""
    if isinstance(drop_prob, Tensor):
        return drop_prob
    return torch.tensor(checks.number("drop_prob", float(drop_prob), least=0, most=1))


def hashed_key(input: Tensor, key: int | Tensor | None) -> Tensor:
    """Return a public key hashed, on input's device; without one, one that torch's default generator draws."""
    if key is None:
        hashed = torch.randint(2**62, ())
    elif isinstance(key, Tensor) and not on_host(key):
        hashed = mixed_key(key.long())
    else:
        hashed = torch.tensor(mixed_key(int(key)))
    return hashed.to(input.device)


def drop_block(
    input: Tensor, drop_prob: Tensor, key: Tensor, block_size: int, per_channel: bool, gamma: str, seeds: str
) -> tuple[Tensor, float | Tensor, int]:
    """Return the output of DropBlock, the number of zeros in the mask, and the size of the mask."""
    _, _, height, width = input.shape
    block = min(block_size, height, width)
    rate = rate_for(input, drop_prob, block, gamma, seeds)
    return drop(input, rate, key, Grid.over(height, width, block, seeds, shared=not per_channel))


def check(block_size: object, gamma: object, per_channel: object = True, seeds: object = "fits") -> None:
    """Raise ValueError for invalid arguments of DropBlock."""
    checks.whole_number("block_size", block_size, 1, what="a whole number of cells")
    checks.one_of("gamma", gamma, GAMMAS)
    checks.one_of("seeds", seeds, SEEDS)
    checks.boolean("per_channel", per_channel)


def drop_block2d(
    input: Tensor,
    drop_prob: float | Tensor,
    block_size: int,
    *,
    per_channel: bool = True,
    gamma: str = "paper",
    seeds: str = "fits",
    training: bool = True,
    key: int | Tensor | None = None,
) -> Tensor:
    """Drop square blocks of a feature map and rescale the rest: input · mask · count(mask) / count_ones(mask).

    Seeds are drawn at rate γ (`seed_rate`), only where a whole block fits; each zeroes its block_size × block_size
    block. The block is clamped to the map's shorter side; even sizes and H ≠ W are allowed. The mean over the tensor is
    kept, not the expectation of each cell: borders are dropped less often than the centre.

    Args:
        input: (N, C, H, W), any float dtype; its memory format is kept.
        drop_prob: 1 - keep_prob, in [0, 1]: a number, or a 0-dim tensor.
        block_size: side of a block in cells.
        per_channel: one mask per channel (the paper: "tends to work better"), or one shared by all.
        gamma: `paper`, `exact` or `area` (see `seed_rate`).
        seeds: `fits`, only where a whole block fits (the paper), or `anywhere`, the block cut off at the border.
        training: False returns the input.
        key: the mask is a function of this number, such as a training step: an integer, or a 0-dim int64 tensor. It is
            hashed (`mixed_key`), so that neighbouring keys give independent masks. None draws one from torch's default
            generator.

    Raises:
        ValueError: an argument is out of its range, or the input is not (N, C, H, W).
    """
    check(block_size, gamma, per_channel, seeds)
    if input.dim() != 4:
        raise ValueError(f"input must be (N, C, H, W), got shape {tuple(input.shape)}")
    rate = checked_rate(drop_prob)
    if not training:
        return input
    hashed = hashed_key(input, key)
    return drop_block(input, rate.to(input.device), hashed, block_size, per_channel, gamma, seeds)[0]


class AbstractDropBlock(AbstractDrop):
    """A drop of blocks: how much of a map (C, …) it drops, and how that varies."""

    per_channel = True

    def __init__(
        self,
        drop_prob: float,
        block_size: int,
        *,
        gamma: str = "paper",
        seeds: str = "fits",
        schedule: str = "constant",
        inference: bool = False,
    ):
        super().__init__(drop_prob, schedule=schedule, inference=inference)
        check(block_size, gamma, seeds=seeds)
        self.block_size = block_size
        self.gamma = gamma
        self.seeds = seeds

    def seed_rates(self, shape: Sequence[int], drop_prob: np.ndarray) -> tuple[np.ndarray, Sequence[int], int]:
        """Return γ at each drop_prob, the map's sizes and the clamped block."""
        sizes = shape[1:]
        block = min(self.block_size, *sizes)
        rates = [seed_rate(float(each), sizes, block, self.gamma, self.seeds) for each in np.ravel(drop_prob)]
        return np.array(rates), sizes, block

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        rate, sizes, block = self.seed_rates(shape, drop_prob)
        return expected_fraction(rate, sizes, block, self.seeds)

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        rate, sizes, block = self.seed_rates(shape, drop_prob)
        masks = shape[0] if self.per_channel else 1
        draws = masks * math.prod(places(size, block, self.seeds) for size in sizes)
        # a seed drops at most a block's cells; overlaps only make the sum vary less
        variance: np.ndarray = draws * rate * (1 - rate) * (block ** len(sizes) / (masks * math.prod(sizes))) ** 2
        return variance

    def clamped(self, shape: Sequence[int]) -> bool:
        return self.block_size > min(shape[1:])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, block_size={self.block_size}, gamma={self.gamma}, seeds={self.seeds}"


class DropBlock2d(AbstractDropBlock):
    """A module that applies `drop_block2d`, with a scheduled rate and a count of dropped cells.

    Args:
        drop_prob, schedule, inference: as in `AbstractDrop`.
        block_size, per_channel, gamma, seeds: as in `drop_block2d`.
    """

    def __init__(self, drop_prob: float, block_size: int, *, per_channel: bool = True, **more: Any):
        super().__init__(drop_prob, block_size, **more)
        self.per_channel = checks.boolean("per_channel", per_channel)

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        return drop_block(input, self.drop_prob, key, self.block_size, self.per_channel, self.gamma, self.seeds)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, per_channel={self.per_channel}"


def dropblock(
    site: Site,
    *,
    keep_prob: float,
    block_size: int,
    groups: Sequence[int] | None,
    part: str,
    skip: bool,
    schedule: str,
    per_channel: bool,
    gamma: str,
    seeds: str,
    per_group_rate: bool,
    inference: bool,
) -> nn.Module:
    """DropBlock at the convolutions of the wanted groups, and on their shortcuts with `skip`.

    `part`: those of the encoder, which is all of a network without a decoder, of the decoder, of both, or the maps
    before a decoder's last convolution (`head`). With `per_group_rate` group j of G has drop_prob
    (1 - keep_prob) / 4^(G - j): the last group has the full rate (the released code's rule, which numbers its four
    groups).
    """
    check(block_size, gamma, per_channel, seeds)
    drop_prob = drop_prob_of(keep_prob)
    checks.one_of("regularizer.part", part, PARTS)
    wanted = (*PARTS[part], *(["skip"] if skip and "conv" in PARTS[part] else []))
    if site.place not in wanted or not site.in_groups(groups):
        return nn.Identity()
    assert site.group is not None, "in_groups is False outside the groups"
    share = 4.0 ** (site.group - site.groups) if per_group_rate else 1.0
    return DropBlock2d(
        share * drop_prob,
        block_size,
        per_channel=per_channel,
        gamma=gamma,
        seeds=seeds,
        schedule=schedule,
        inference=inference,
    )
