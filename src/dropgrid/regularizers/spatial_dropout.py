"""SpatialDropout (Tompson et al., CVPR 2015)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid.masks.uniform import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class SpatialDropout(AbstractDrop):
    """Whole channels dropped: output = input · mask / (1 - drop_prob), one Bernoulli draw per channel and example.

    Shapes: (N, C, …) -> the same; with `dim` -1 sequences (N, T, D), of which whole features are dropped at all time
    steps. Source: Tompson et al. 2015, §3.2; for sequences Gal and Ghahramani, NeurIPS 2016, §4.2.
    """

    def __init__(self, drop_prob: float, *, dim: int = 1, schedule: str = "constant", inference: bool = False):
        super().__init__(drop_prob, schedule=schedule, inference=inference)
        self.dim = dim

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        shape = [1] * input.dim()
        shape[0], shape[self.dim] = input.shape[0], input.shape[self.dim]
        mask = keep_mask(input, self.drop_prob, key, shape)
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        variance: np.ndarray = drop_prob * (1 - drop_prob) / shape[self.dim - 1 if self.dim > 0 else self.dim]
        return variance


def spatial_dropout(
    site: Site, *, keep_prob: float, groups: Sequence[int] | None, skip: bool, schedule: str, inference: bool
) -> nn.Module:
    """SpatialDropout at the convolutions and sequences of the wanted groups, and on their shortcuts with `skip`."""
    dim = -1 if site.place == "sequence" else 1
    module = SpatialDropout(drop_prob_of(keep_prob), dim=dim, schedule=schedule, inference=inference)
    acts = site.place in ("conv", "sequence") or (skip and site.place == "skip")
    return module if acts and site.in_groups(groups) else nn.Identity()
