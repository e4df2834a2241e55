"""SpatialDropout (Tompson et al., CVPR 2015)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid.masks.uniform import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class SpatialDropout(AbstractDrop):
    """Whole channels dropped: output = input · mask / (1 - drop_prob), one Bernoulli a channel and example.

    Shapes: (N, C, …) -> the same. Source: Tompson et al. 2015, §3.2.
    """

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        shape = [*input.shape[:2], *[1] * (input.dim() - 2)]
        mask = keep_mask(input, self.drop_prob, key, shape)
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * (1 - drop_prob) / shape[0]


def spatial_dropout(
    site: Site, *, keep_prob: float, groups: Sequence[int] | None, skip: bool, schedule: str, inference: bool
) -> nn.Module:
    """SpatialDropout at the convolutions of the wanted groups, and on their shortcuts with `skip`."""
    module = SpatialDropout(drop_prob_of(keep_prob), schedule=schedule, inference=inference)
    acts = site.place == "conv" or (skip and site.place == "skip")
    return module if acts and site.in_groups(groups) else nn.Identity()
