"""DropPath on residual branches (Larsson et al., ICLR 2017; as stochastic depth: Huang et al., ECCV 2016)."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.masks.uniform import count_zeros, keep_mask, uniform
from dropgrid.sites import AbstractDrop, Site, drop_prob_of

MODES = ("local", "global", "mixed")


class DropPath(AbstractDrop):
    """A residual branch dropped per example: output = input · mask / (1 - drop_prob), one Bernoulli draw per example.

    Shapes: (N, …) -> the same. The shortcut is never dropped, so a join never loses all of its inputs (the local
    form of Larsson et al. §2.2). Not DropConnect, although EfficientNet's code calls it so.
    """

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        mask = keep_mask(input, self.drop_prob, key, [input.shape[0], *[1] * (input.dim() - 1)])
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        variance: np.ndarray = drop_prob * (1 - drop_prob)
        return variance


class JoinDropPath(AbstractDrop):
    """Paths dropped before they are averaged at a join; shapes: (K, N, …) -> the same, K paths of N examples.

    output_k = input_k · m_k · K / Σ m, so that the mean over k is the mean of the kept paths. `local`: m_k ~
    Bernoulli(1 - drop_prob) for each path and example; if all are dropped, a random one is kept. `global`: one of the
    network's `columns` is kept per example, the same at all joins; at a join that this column does not reach, all paths
    are kept (none of them is used). `mixed`: one of the two for a whole batch, each half of the time.

    Source: Larsson et al. §2.2. Differs from the paper: its global choice is per batch.
    """

    def __init__(
        self,
        drop_prob: float,
        *,
        mode: str,
        paths: int,
        columns: int,
        schedule: str = "constant",
        inference: bool = False,
    ):
        super().__init__(drop_prob, schedule=schedule, inference=inference)
        self.mode, self.paths, self.columns = mode, paths, columns

    @property
    def stream(self) -> str:
        """The column kept is one for all joins, and so is a batch's mode."""
        return "drop_path" if self.mode != "local" else self.site

    def shape(self, *inputs: Any) -> tuple[int, ...]:
        return self.paths, *inputs[0].shape[2:]

    def draws(self, batch: int) -> int:
        return 1 if self.mode == "mixed" else batch

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        paths, examples = input.shape[:2]
        own = uniform(key ^ zlib.crc32(self.site.encode()), [paths + 1, examples])  # of a key that joins may share
        kept = own[:paths] >= self.drop_prob
        rescued = (own[paths] * paths).long() == torch.arange(paths, device=input.device)[:, None]
        local = kept | (rescued & ~kept.any(0))
        if self.mode == "local":
            mask = local
        else:
            shared = uniform(key, [2, examples])
            column = (shared[0] * self.columns).long() - (self.columns - paths)  # those that meet here are the last
            one = torch.arange(paths, device=input.device)[:, None] == column
            whole = one | (column < 0)
            mask = whole if self.mode == "global" else torch.where(shared[1, 0] < 0.5, whole, local)
        scale = (mask * (paths / mask.sum(0))).to(input.dtype)
        return input * scale.view(paths, examples, *[1] * (input.dim() - 2)), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        local: np.ndarray = drop_prob - drop_prob**self.paths / self.paths
        whole: np.ndarray = np.full_like(drop_prob, (self.paths - 1) / self.columns)
        mixed: np.ndarray = (local + whole) / 2
        return {"local": local, "global": whole, "mixed": mixed}[self.mode]

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        local: np.ndarray = drop_prob * (1 - drop_prob)
        return local if self.mode == "local" else np.full_like(drop_prob, 0.25)

    def extra_repr(self) -> str:
        return f"mode={self.mode}, {super().extra_repr()}"


def drop_path(
    site: Site,
    *,
    keep_prob: float,
    depth: str,
    mode: str,
    groups: Sequence[int] | None,
    schedule: str,
    inference: bool,
) -> nn.Module:
    """DropPath on the residual branches of the wanted groups, or on the paths that meet at their joins.

    `depth=linear` is stochastic depth: block l of L has drop_prob (l / L)(1 - keep_prob) (Huang et al. §3, eq. 4);
    `depth=constant` has 1 - keep_prob everywhere. `mode` is that of `JoinDropPath`; branches have only `local`.
    """
    checks.one_of("regularizer.mode", mode, MODES)
    checks.one_of("regularizer.depth", depth, ("linear", "constant"))
    drop_prob = drop_prob_of(keep_prob)
    if site.place not in ("branch", "join") or not site.in_groups(groups):
        return nn.Identity()
    assert site.block is not None, "branches and joins belong to a block"
    share = site.block / site.blocks if depth == "linear" else 1.0
    if site.place == "join":
        about = {"paths": site.paths, "columns": site.columns}
        return JoinDropPath(share * drop_prob, mode=mode, **about, schedule=schedule, inference=inference)
    if mode != "local":
        raise ValueError(
            f"regularizer.mode={mode} needs joins of several paths (model=fractal); a residual branch is local"
        )
    return DropPath(share * drop_prob, schedule=schedule, inference=inference)
