"""Ensembles of classifiers: the scores of the mean prediction of K members, over subsets of the members."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import logsumexp

MOST = 200
"""The most subsets of one size; if there are more, as many at random."""

ROOM = 4_000_000
"""Probabilities held in memory at a time."""

ERROR, NLL, BRIER = range(3)


@dataclass(frozen=True)
class Score:
    """A score over subsets of members: mean, standard deviation (None for one subset), range, and the members' mean."""

    mean: float
    std: float | None
    least: float
    most: float
    members: float


def score_ensembles(
    logits: Sequence[np.ndarray], targets: np.ndarray, sizes: Sequence[int]
) -> list[tuple[int, list[tuple[int, ...]], np.ndarray]]:
    """Return for each size K its subsets, and their scores beside their members' means, (subsets, 2, 3)."""
    chosen = {k: choose_subsets(len(logits), k) for k in sizes}
    every = [(member,) for member in range(len(logits))]
    found = group_scores(logits, targets, [*every, *(each for group in chosen.values() for each in group)])
    single, at = found[: len(every)], len(every)
    made = []
    for k, group in chosen.items():
        members = np.stack([single[list(each)].mean(0) for each in group])
        made.append((k, group, np.stack([found[at : at + len(group)], members], 1)))
        at += len(group)
    return made


def choose_subsets(n: int, k: int) -> list[tuple[int, ...]]:
    """Return all subsets of k of n, or `MOST` different ones at random, the same at each call."""
    if math.comb(n, k) <= MOST:
        return list(combinations(range(n), k))
    random = np.random.default_rng([n, k])
    found: dict[tuple[int, ...], None] = {}
    while len(found) < MOST:
        found[tuple(sorted(random.choice(n, k, replace=False).tolist()))] = None
    return list(found)


def group_scores(logits: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return error in percent, NLL in nats, Brier score of p̄ = Σ softmax(zₘ) / K over groups m of cells, (groups, 3).

    NLL = mean of -log p̄[target]; Brier = mean of Σₖ (p̄ₖ - [k = target])², 0 to 2. Both are convex in p̄: neither is
    above the mean over its members (Jensen). The error is not convex, and may be.

    Args:
        logits: logits (E, C) of each cell.
        targets: classes (E,).
    """
    weight = np.zeros((len(groups), len(logits)))
    for index, group in enumerate(groups):
        weight[index, list(group)] = 1 / len(group)
    images, classes = logits[0].shape
    step = max(1, ROOM // (len(groups) * max(classes, len(logits))))
    sums = np.zeros((len(groups), 3))
    for start in range(0, images, step):
        z = np.stack([each[start : start + step] for each in logits]).astype(np.float64)
        labels = targets[start : start + step]
        log_p = z - logsumexp(z, axis=2, keepdims=True)
        mean = np.einsum("gm,mec->gec", weight, np.exp(log_p))
        at = np.arange(len(labels)), labels
        # not the log of the mean: a probability may be too small for a float, its logarithm is not
        sums[:, NLL] -= logsumexp(log_p[:, *at][None], axis=1, b=weight[:, :, None]).sum(1)
        sums[:, ERROR] += 100 * (mean.argmax(2) != labels).sum(1)
        sums[:, BRIER] += (np.square(mean).sum(2) - 2 * mean[:, *at] + 1).sum(1)
    means: np.ndarray = sums / images
    return means


def summarize_scores(own: np.ndarray, members: np.ndarray) -> Score:
    """Return a score over subsets."""
    std = float(own.std(ddof=1)) if len(own) > 1 else None
    return Score(float(own.mean()), std, float(own.min()), float(own.max()), float(members.mean()))
