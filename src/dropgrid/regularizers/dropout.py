"""Dropout (Srivastava et al., JMLR 2014)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.masks.drop import drop, on_host
from dropgrid.masks.grid import Grid
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class Dropout(AbstractDrop):
    """Units dropped independently: output = input · mask / (1 - drop_prob), mask ~ Bernoulli(1 - drop_prob).

    Shapes: (N, …) -> the same. Source: Srivastava et al. 2014, §4, in the inverted form (scaled in training, so that
    inference is the identity).
    """

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, float | Tensor, int]:
        # blocks of one cell; what has no map is a map of one cell
        cells = input if input.dim() == 4 else input.reshape(input.shape[0], -1, 1, 1)
        drop_prob = float(self.drop_prob) if on_host(input) else self.drop_prob
        height, width = cells.shape[2:]
        output, dropped, seen = drop(cells, drop_prob, key, Grid.over(height, width, block=1), 1 / (1 - drop_prob))
        return output.view(input.shape) if input.dim() != 4 else output, dropped, seen

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        variance: np.ndarray = drop_prob * (1 - drop_prob) / np.prod(shape)
        return variance


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
    """Dropout after the layers of the wanted groups, convolutions and hidden linear ones (and on their shortcuts with
    `skip`), or at `input` or `head`, or on what recurrent layers add to their memory at each step (`recurrent`;
    Semeniuta, Severyn, Barth, COLING 2016)."""
    checks.one_of("regularizer.place", place, ("layer", "input", "recurrent", "head"))
    module = Dropout(drop_prob_of(keep_prob), schedule=schedule, inference=inference)
    if place != "layer":
        return module if site.place == place else nn.Identity()
    acts = site.place in ("conv", "hidden") or (skip and site.place == "skip")
    return module if acts and site.in_groups(groups) else nn.Identity()
