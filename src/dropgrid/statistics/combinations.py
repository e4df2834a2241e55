"""Linear combinations of rows, seed by seed, as several that hold together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dropgrid.statistics.dunnett import Comparison, compare, examples_covariance

Weights = Sequence[tuple[str, int]]
"""(row, its weight) of each row of a combination."""

COMBINATION, ZERO = "combination", "zero"


def shared_seeds(values: Mapping[str, Mapping[int, Any]], weights: Weights) -> list[int]:
    """The seeds that all rows of a combination have."""
    return sorted(set.intersection(*(set(values[row]) for row, _ in weights)))


def combine(values: Mapping[str, Mapping[int, float]], weights: Weights) -> dict[int, float]:
    """Σ weight · value(row, seed), for each seed that all its rows have."""
    return {seed: sum(weight * values[row][seed] for row, weight in weights) for seed in shared_seeds(values, weights)}


def compare_combinations(
    values: Mapping[str, Mapping[int, float]],
    correct: Mapping[str, Mapping[int, np.ndarray]] | None,
    combinations: Sequence[Weights],
    confidence: float,
    family: int,
) -> list[Comparison | None]:
    """Compare each combination with 0, as `family` that hold together; None for one with fewer than 2 shared seeds.

    Each is judged by its own values at the seeds, c(s) = Σ weight · value(row, s), as a pair of rows is, c against 0
    (`dunnett.compare`): the paired t-test, to which the choice of test images adds its variance if `correct` is given.
    Its interval is at level confidence^(1 / family). No spread is borrowed from other rows.

    Source: Šidák, JASA 62, 1967 and Ann. Math. Stat. 42, 1971 (for Student's t with a spread of its own each).

    Args:
        values: row -> seed -> value.
        correct: row -> seed -> (E,) whether each test image was classified rightly.
    """
    found: list[Comparison | None] = []
    for weights in combinations:
        own = combine(values, weights)
        images = None if correct is None or len(own) < 2 else examples_variance(correct, weights)
        against = {COMBINATION: own, ZERO: dict.fromkeys(own, 0.0)}
        compared = compare(against, [(COMBINATION, ZERO)], images, confidence ** (1 / family))
        found.append(replace(compared[0], family=family) if compared else None)
    return found


def examples_variance(correct: Mapping[str, Mapping[int, np.ndarray]], weights: Weights) -> np.ndarray:
    """Return what the choice of test images adds to the variance of a combination, in points², as (1, 1)."""
    own = {
        seed: np.sum([weight * correct[row][seed].astype(float) for row, weight in weights], axis=0)
        for seed in shared_seeds(correct, weights)
    }
    zero = {seed: np.zeros_like(each) for seed, each in own.items()}
    return examples_covariance({COMBINATION: own, ZERO: zero}, [(COMBINATION, ZERO)])
