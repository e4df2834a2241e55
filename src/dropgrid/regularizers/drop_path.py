"""DropPath on residual branches (Larsson et al., ICLR 2017; as stochastic depth: Huang et al., ECCV 2016)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid.masks.uniform import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class DropPath(AbstractDrop):
    """A residual branch dropped for an example: output = input · mask / (1 - drop_prob), one Bernoulli an example.

    Shapes: (N, …) -> the same. The shortcut is never dropped, so a join never loses all of its inputs (the local
    form of Larsson et al. §2.2). Not DropConnect, although EfficientNet's code calls it so.
    """

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        mask = keep_mask(input, self.drop_prob, key, [input.shape[0], *[1] * (input.dim() - 1)])
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * (1 - drop_prob)


def drop_path(
    site: Site, *, keep_prob: float, depth: str, groups: Sequence[int] | None, schedule: str, inference: bool
) -> nn.Module:
    """DropPath on the residual branches of the wanted groups.

    `depth=linear` is stochastic depth: block l of L has drop_prob (l / L)(1 - keep_prob) (Huang et al. §3, eq. 4);
    `depth=constant` has 1 - keep_prob everywhere.
    """
    if depth not in ("linear", "constant"):
        raise ValueError(f"regularizer.depth must be linear or constant, got {depth!r}")
    drop_prob = drop_prob_of(keep_prob)
    if site.place != "branch" or not site.in_groups(groups):
        return nn.Identity()
    assert site.block is not None, "a branch belongs to a block"
    share = site.block / site.blocks if depth == "linear" else 1.0
    return DropPath(share * drop_prob, schedule=schedule, inference=inference)
