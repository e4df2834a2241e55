"""Simultaneous intervals of differences between rows, above all of every row's to the one baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from dropgrid.reports.power import POWER
from dropgrid.reports.statistics import CONFIDENCE, ROUNDING, Interval

NODES = 48
"""Of each Gauss rule."""

PRECISION = 1e-7
"""Of a critical value, relative."""

Values = Mapping[str, Mapping[int, float]]
"""row -> seed -> value."""

Pair = tuple[str, str]
"""A row, and that with which it is compared."""


@dataclass(frozen=True)
class Comparison:
    """A row's difference to another, judged together with `family` such differences.

    `mean` ± `critical` · `error` is `ci95`; `error` the standard error with `freedom` degrees of freedom, of which
    `examples` is the part that comes from the choice of test images (None where that is unknown); `detectable`
    the difference that this design shows with 80 % power.
    """

    mean: float
    error: float
    freedom: float
    critical: float
    ci95: Interval
    examples: float | None
    detectable: float
    family: int


def compare(
    values: Values, pairs: Sequence[Pair], examples: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> list[Comparison]:
    """The comparisons of pairs of rows, judged together; none where the seeds leave no spread to estimate.

    Seeds are blocks: value(row, seed) = μ(row) + β(seed) + ε, fitted by least squares, whatever cells are there; one
    spread σ for all rows, from the residuals. A difference d = μ(one) - μ(other) has the variance σ² · v, with
    N - rank degrees of freedom; of two rows alone that is the paired t-test. The choice of test images adds the
    variance in `examples`, and degrees of freedom by Satterthwaite (1946). The interval is d ± c · error, c such that
    all of them hold at once with probability 95 %: where all pairs share the other row Dunnett's (1955; with blocks:
    Hsu 1996, ch. 7) at the least correlation of any two differences, else Šidák's (1967), which is valid for any.

    Assumes: rows vary alike from seed to seed, roughly normally.

    Args:
        values: of all rows that tell of the spread.
        pairs: (one, other), names of rows.
        examples: covariance of the differences over test images, (pairs, pairs) in points²; None is 0.
    """
    cells = [(row, seed, value) for row, by_seed in values.items() for seed, value in by_seed.items()]
    if not cells or not pairs:
        return []
    rows, seeds = list(values), sorted({seed for _, seed, _ in cells})
    design = np.zeros((len(cells), len(rows) + len(seeds)))
    for line, (row, seed, _) in enumerate(cells):
        design[line, rows.index(row)] = design[line, len(rows) + seeds.index(seed)] = 1
    freedom = len(cells) - int(np.linalg.matrix_rank(design))
    if freedom < 1:
        return []
    response = np.array([value for *_, value in cells])
    centred = response - response.mean()
    inverse = np.linalg.pinv(design.T @ design, hermitian=True)
    fitted = inverse @ design.T @ centred
    spread = float(np.square(centred - design @ fitted).sum()) / freedom
    contrast = np.zeros((len(pairs), design.shape[1]))
    for index, (one, other) in enumerate(pairs):
        contrast[index, rows.index(one)], contrast[index, rows.index(other)] = 1, -1
    seeds_part = spread * contrast @ inverse @ contrast.T
    total = seeds_part if examples is None else seeds_part + examples
    correlation = least_correlation(total) if len({other for _, other in pairs}) == 1 else 0.0
    found = []
    for index in range(len(pairs)):
        mean, variance = float(contrast[index] @ fitted), float(total[index, index])
        error = math.sqrt(variance) if variance > ROUNDING**2 else 0.0
        # test images are so many that only the seeds' degrees of freedom count
        share = float(seeds_part[index, index]) / variance if error else 1.0
        free = freedom / max(share, 1e-3) ** 2
        limit = critical(len(pairs), round(free, 6), correlation, confidence)
        ends = (mean - limit * error, mean + limit * error)
        images = None if examples is None else math.sqrt(variance * max(0.0, 1 - share))
        found.append(
            Comparison(mean, error, free, limit, ends, images, error * (limit + quantile(POWER, free)), len(pairs))
        )
    return found


def quantile(probability: float, freedom: float) -> float:
    """Student's."""
    return float(stdtrit(freedom, probability))


def least_correlation(covariance: np.ndarray) -> float:
    """The least correlation of any two rows, at least 0; 1/2 where nothing varies, as in a balanced design."""
    sizes = np.sqrt(np.clip(np.diag(covariance), 0, None))
    if len(sizes) < 2 or (sizes <= ROUNDING).any():
        return 0.5
    pairs = covariance[np.triu_indices(len(sizes), 1)] / np.outer(sizes, sizes)[np.triu_indices(len(sizes), 1)]
    return round(float(np.clip(pairs.min(), 0, 0.99)), 6)


@lru_cache(maxsize=4096)
def critical(rows: int, freedom: float, correlation: float, confidence: float = CONFIDENCE) -> float:
    """c with P(|T₁| ≤ c, …, |T_k| ≤ c) = confidence, T multivariate t of equal correlation ρ ≥ 0.

    P = ∫∫ [Φ((c s - √ρ z) / √(1-ρ)) - Φ((-c s - √ρ z) / √(1-ρ))]^k φ(z) dz dF(s), s² = χ²(ν) / ν. Source: Dunnett,
    JASA 1955; Hsu, Multiple Comparisons, 1996, §3.1.
    """
    if rows == 1:
        return quantile((1 + confidence) / 2, freedom)
    shares, masses = np.polynomial.legendre.leggauss(2 * NODES)
    scale = np.sqrt(chdtri(freedom, (1 - shares) / 2) / freedom)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weight = np.outer(masses / 2, weights / math.sqrt(2 * math.pi))
    own, shared = math.sqrt(1 - correlation), math.sqrt(correlation) * nodes

    def inside(limit: float) -> float:
        reach = limit * scale[:, None]
        return float((weight * (ndtr((reach - shared) / own) - ndtr((-reach - shared) / own)) ** rows).sum())

    low, high = 0.0, 2.0
    while inside(high) < confidence:
        high *= 2
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if inside(middle) >= confidence else (middle, high)
    return high


def examples_covariance(correct: Mapping[str, Mapping[int, np.ndarray]], pairs: Sequence[Pair]) -> np.ndarray:
    """What the choice of test images adds to the covariance of the pairs' differences, in points² (pairs, pairs).

    For the differences dₛₑ of being right, over n seeds and E images: cov over e of their means over s / E, less the
    part of single cells, cov of the residuals dₛₑ - dₛ. - d.ₑ + d.. / (n E), which the spread over seeds holds already.

    Args:
        correct: row -> seed -> (E,) whether each test image was classified rightly.
    """
    means, residuals, counts = [], [], []
    for one, other in pairs:
        seeds = sorted(correct[one].keys() & correct[other].keys())
        apart = np.stack([correct[one][s].astype(float) - correct[other][s] for s in seeds]) * 100
        means.append(apart.mean(0) - apart.mean())
        residuals.append(apart - apart.mean(0) - apart.mean(1, keepdims=True) + apart.mean())
        counts.append(len(seeds))
    images = len(means[0])
    found = np.cov(np.stack(means)).reshape(len(pairs), len(pairs)) / images
    for i in range(len(pairs)):
        for j in range(len(pairs)):
            n = min(counts[i], counts[j])
            if n > 1:
                both = (residuals[i][:n] * residuals[j][:n]).sum() / ((n - 1) * (images - 1))
                found[i, j] -= both / n / images
    return positive(found)


def positive(covariance: np.ndarray) -> np.ndarray:
    """The nearest covariance without negative variances: its negative eigenvalues set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.clip(values, 0, None)) @ vectors.T
