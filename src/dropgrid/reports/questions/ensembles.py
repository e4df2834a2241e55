"""Ensembles of a row's cells, from their predictions: what averaging K of them gains, as `ablation.ensemble` asks for.

ensemble: [1, 2, 5, 10]   # or true: 1 to as many as a row has
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import logsumexp

from dropgrid.errors import UserError
from dropgrid.reports.predictions import WEIGHTS, predictions
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell

MOST = 200
"""Subsets of one size: all of them, or so many of them at random."""

ROOM = 4_000_000
"""Probabilities held at a time."""

ERROR, NLL, BRIER = range(3)


@dataclass(frozen=True)
class Score:
    """A score over subsets of cells: mean, standard deviation (None of one subset), range, and its members' mean."""

    mean: float
    std: float | None
    least: float
    most: float
    members: float


@dataclass(frozen=True)
class Ensemble:
    """A row's ensembles of `k` of its `n` cells, over `subsets` of the `total` subsets.

    `error` in percent, `nll` in nats, `brier` from 0 to 2; `above` is the share of the subsets whose error is above the
    mean of their members'.
    """

    row: str
    factors: Mapping[str, str]
    n: int
    planned: int
    k: int
    subsets: int
    total: int
    error: Score
    nll: Score
    brier: Score
    above: float


def check(asked: Any) -> None:
    """UserError where `ablation.ensemble` is neither true nor a list of sizes."""
    if asked is None or isinstance(asked, bool):
        return
    sizes = asked if isinstance(asked, Sequence) and not isinstance(asked, str) else []
    if not sizes or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in sizes):
        raise UserError(
            f"ablation.ensemble is true or a list of sizes such as [1, 2, 5], each 1 or more, got {asked!r}"
        )


def ensembles(ablation: Ablation) -> list[Ensemble]:
    """Every row's ensembles, of the finished cells that have predictions; empty where none are asked for.

    A row whose cells were tested on different images has none, and no row has those of more cells than it has.
    """
    asked = ablation.about.get("ensemble")
    check(asked)
    found = []
    if not asked:
        return []
    for block in ablation.blocks:
        for row, cells in block.rows.items():
            logits, targets = stacked(cells, WEIGHTS.get(ablation.metric, "last"))
            sizes = [k for k in range(1, len(logits) + 1) if asked is True or k in asked]
            if sizes:
                for k, subsets, values in averaged(logits, targets, sizes):
                    found.append(ensemble(row, block.factors, len(logits), len(cells), k, subsets, values))
    return found


def stacked(cells: Sequence[Cell], weights: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Logits (E, C) of each finished cell that has predictions, by seed, and targets (E,)."""
    done = [predictions(cell, weights) for cell in sorted(cells, key=lambda cell: cell.seed) if cell.result]
    there = [each for each in done if each is not None]
    if not there or any(not np.array_equal(targets, there[0][1]) for _, targets in there):
        return [], np.zeros(0, int)
    return [logits for logits, _ in there], there[0][1]


def averaged(
    logits: Sequence[np.ndarray], targets: np.ndarray, sizes: Sequence[int]
) -> list[tuple[int, list[tuple[int, ...]], np.ndarray]]:
    """For each size K its subsets, and their scores beside their members' means, (subsets, 2, 3)."""
    chosen = {k: subsets(len(logits), k) for k in sizes}
    every = [(member,) for member in range(len(logits))]
    found = scores(logits, targets, [*every, *(each for group in chosen.values() for each in group)])
    single, at = found[: len(every)], len(every)
    made = []
    for k, group in chosen.items():
        members = np.stack([single[list(each)].mean(0) for each in group])
        made.append((k, group, np.stack([found[at : at + len(group)], members], 1)))
        at += len(group)
    return made


def subsets(n: int, k: int) -> list[tuple[int, ...]]:
    """All subsets of k of n, or `MOST` different ones at random, the same at each call."""
    if math.comb(n, k) <= MOST:
        return list(combinations(range(n), k))
    random = np.random.default_rng([n, k])
    found: dict[tuple[int, ...], None] = {}
    while len(found) < MOST:
        found[tuple(sorted(random.choice(n, k, replace=False).tolist()))] = None
    return list(found)


def scores(logits: Sequence[np.ndarray], targets: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Error in percent, NLL in nats and Brier score of p̄ = Σ softmax(zₘ) / K over each group m of cells, (groups, 3).

    NLL = mean of -log p̄[target]; Brier = mean of Σₖ (p̄ₖ - [k = target])², 0 to 2. Both are convex in p̄: neither is
    above the mean over its members (Jensen). The error is not convex, and may be.

    Args:
        logits: of each cell, (E, C).
        targets: (E,).
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
    return sums / images


def ensemble(
    row: str,
    factors: Mapping[str, str],
    n: int,
    planned: int,
    k: int,
    chosen: Sequence[Sequence[int]],
    values: np.ndarray,
) -> Ensemble:
    """One size's scores over its subsets."""
    error, nll, brier = (score(values[:, 0, which], values[:, 1, which]) for which in (ERROR, NLL, BRIER))
    # a millionth of a percent: less than an image, more than rounding
    above = float((values[:, 0, ERROR] > values[:, 1, ERROR] + 1e-6).mean())
    return Ensemble(row, factors, n, planned, k, len(chosen), math.comb(n, k), error, nll, brier, above)


def score(own: np.ndarray, members: np.ndarray) -> Score:
    """A score over subsets."""
    std = float(own.std(ddof=1)) if len(own) > 1 else None
    return Score(float(own.mean()), std, float(own.min()), float(own.max()), float(members.mean()))
