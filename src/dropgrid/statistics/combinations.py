"""Simultaneous comparisons of linear combinations of rows, paired by seed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dropgrid.statistics.simultaneous import Comparison, compare_pairs, images_variance

Weights = Sequence[tuple[str, int]]
"""(row, its weight) of each row of a combination."""

COMBINATION, ZERO = "combination", "zero"


def shared_seeds(values: Mapping[str, Mapping[int, Any]], weights: Weights) -> list[int]:
    """Return the seeds that all rows of a combination have."""
    return sorted(set.intersection(*(set(values[row]) for row, _ in weights)))


def combine_rows(values: Mapping[str, Mapping[int, float]], weights: Weights) -> dict[int, float]:
    """Return Σ weight · value(row, seed), for each seed that all its rows have."""
    return {seed: sum(weight * values[row][seed] for row, weight in weights) for seed in shared_seeds(values, weights)}


def compare_combinations(
    values: Mapping[str, Mapping[int, float]],
    correct: Mapping[str, Mapping[int, np.ndarray]] | None,
    combinations: Sequence[Weights],
    alpha: float | Callable[[int], float],
    family: int,
) -> list[Comparison | None]:
    """Compare each combination with 0, in a family of `family`; None for one with fewer than 2 shared seeds.

    Each combination is tested by its values at the seeds, c(s) = Σ weight · value(row, s), against 0, like a pair of
    rows (`simultaneous.compare_pairs`): the paired t-test at level (1 - alpha)^(1 / family); with `correct`, the choice
    of test images adds its variance.

    Args:
        values: row -> seed -> value.
        correct: row -> seed -> (E,) whether each test image was classified correctly.
    """
    found: list[Comparison | None] = []
    for weights in combinations:
        own = combine_rows(values, weights)
        images = None if correct is None or len(own) < 2 else [combined_images_variance(correct, weights)]
        against = {COMBINATION: own, ZERO: dict.fromkeys(own, 0.0)}
        found += compare_pairs(against, [(COMBINATION, ZERO)], images, alpha, family)
    return found


def combined_images_variance(
    correct: Mapping[str, Mapping[int, np.ndarray]], weights: Weights, unpaired: bool = False
) -> float:
    """Return what the choice of test images adds to the variance of a combination, in points²; over the seeds that its
    rows share, or if they mean nothing to each other, over those of each.
    """
    if unpaired:
        return images_variance(*({s: w * each for s, each in correct[row].items()} for row, w in weights))
    seeds = shared_seeds(correct, weights)
    return images_variance(
        {seed: np.sum([weight * correct[row][seed].astype(float) for row, weight in weights], axis=0) for seed in seeds}
    )
