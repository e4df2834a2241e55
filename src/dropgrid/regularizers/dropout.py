"""Dropout (Srivastava et al., JMLR 2014)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid.masks import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class Dropout(AbstractDrop):
    """Units dropped independently: output = input · mask / (1 - drop_prob), mask ~ Bernoulli(1 - drop_prob).

    Shapes: (N, …) -> the same. Source: Srivastava et al. 2014, §4, in the inverted form (scaled in training, so that
    inference is the identity).
    """

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, Tensor, int]:
        mask = keep_mask(input.detach(), self.drop_prob, key, input.shape)
        return input * mask / (1 - self.drop_prob), count_zeros(mask), mask.numel()

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * (1 - drop_prob) / np.prod(shape)


def dropout(
    site: Site,
    *,
    keep_prob: float,
    place: str,
    groups: Sequence[int] | None,
    skip: bool,
    schedule: str,
    inference: bool,
) -> nn.Module:
    """Dropout at the convolutions of the wanted groups (and their shortcuts with `skip`), or at `input` or `head`."""
    if place not in ("conv", "input", "head"):
        raise ValueError(f"regularizer.place must be conv, input or head, got {place!r}")
    module = Dropout(drop_prob_of(keep_prob), schedule=schedule, inference=inference)
    if place != "conv":
        return module if site.place == place else nn.Identity()
    acts = site.place == "conv" or (skip and site.place == "skip")
    return module if acts and site.in_groups(groups) else nn.Identity()
