"""The interquartile mean of paired differences, which a few extreme seeds hardly move, with a bootstrap interval."""

from collections.abc import Sequence

import numpy as np

from dropgrid.statistics.samples import CONFIDENCE, Interval

FEWEST = 10
"""The fewest seeds: with fewer, the middle half is a handful of values, and the bootstrap's interval too narrow."""

TIMES = 5000
"""Resamples of the seeds."""


def interquartile_mean(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the mean of the middle half of the values along the last axis: a quarter is cut off at each end."""
    ordered = np.sort(np.asarray(values, float), axis=-1)
    cut = ordered.shape[-1] // 4
    found: np.ndarray = ordered[..., cut : ordered.shape[-1] - cut].mean(-1)
    return found


def interquartile_difference(differences: Sequence[float]) -> tuple[float, Interval] | None:
    """Return the interquartile mean of differences paired by seed, and its interval; None for fewer than 10.

    The interval is the bootstrap's of percentiles over resampled seeds. Rows are resampled by themselves: the rows of a
    table are the strata. Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical
    precipice", NeurIPS 2021, §4.3.
    """
    n = len(differences)
    if n < FEWEST:
        return None
    drawn = np.asarray(differences)[np.random.default_rng(0).integers(n, size=(TIMES, n))]
    low, high = np.quantile(interquartile_mean(drawn), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(interquartile_mean(differences)), (float(low), float(high))
