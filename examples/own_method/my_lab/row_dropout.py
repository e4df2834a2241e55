"""Row dropout: a regularizer that dropgrid does not have."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid.masks.uniform import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class RowDropout(AbstractDrop):
    """Drop entire rows of a map: output = input · mask / (1 - drop_prob). (N, C, H, W) -> the same."""

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        mask = keep_mask(input, self.drop_prob, key, (input.shape[0], 1, input.shape[2], 1))
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * (1 - drop_prob) / shape[1]


def row_dropout(site: Site, *, keep_prob: float, schedule: str) -> nn.Module:
    """Drop after every convolution."""
    module = RowDropout(drop_prob_of(keep_prob), schedule=schedule)
    return module if site.place == "conv" else nn.Identity()
