"""Simultaneous intervals of differences between rows, above all of every row's to the one baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import chdtri, digamma, ndtr, polygamma, stdtrit

from dropgrid.statistics.power import POWER
from dropgrid.statistics.samples import CONFIDENCE, ROUNDING, Interval

NODES = 48
"""Nodes of each Gauss rule."""

ROUNDS = 4
"""Rounds of weighting rows by their spread."""

PRECISION = 1e-5
"""Relative precision of a critical value."""

Values = Mapping[str, Mapping[int, float]]
"""row -> seed -> value."""

Pair = tuple[str, str]
"""A row, and the row with which it is compared."""


@dataclass(frozen=True)
class Comparison:
    """A row's difference to another, judged together with `family` such differences.

    `mean` ± `critical` · `error` is `ci95`; `error` the standard error with `freedom` degrees of freedom, of which
    `examples` is the part that comes from the choice of test images (None if that is unknown); `detectable`
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
    """The comparisons of pairs of rows, judged together; none if the seeds leave no spread to estimate.

    Seeds are blocks: value(row, seed) = μ(row) + β(seed) + ε, ε of the row's own spread (`spreads`), fitted by weighted
    least squares, whatever cells are there. A difference d = μ(one) - μ(other) has the variance that the fit gives,
    with degrees of freedom by Satterthwaite (1946), at most N - rank; of two rows alone that is the paired t-test. The
    choice of test images adds the variance in `examples`. The interval is d ± c · error, c such that all of them hold
    at once with probability 95 %: if all pairs share the other row Dunnett's (1955; with blocks: Hsu 1996, ch. 7) at
    the least correlation of any two differences, else Šidák's (1967), which is valid for any.

    Simulated with 3 seeds and 8 rows, some interval misses in 4 to 6 % of tables if rows vary alike or one varies
    three times as much as the others, in 9 % if the baseline does.

    Args:
        values: of all rows that tell of the spread.
        pairs: (one, other), names of rows.
        examples: covariance of the differences over test images, (pairs, pairs) in points²; None is 0.
    """
    cells = [(row, seed, value) for row, by_seed in values.items() for seed, value in by_seed.items()]
    if not cells or not pairs:
        return []
    rows, seeds = list(values), sorted({seed for _, seed, _ in cells})
    mine = np.array([rows.index(row) for row, *_ in cells])
    design = np.zeros((len(cells), len(rows) + len(seeds)))
    design[np.arange(len(cells)), mine] = 1
    design[np.arange(len(cells)), [len(rows) + seeds.index(seed) for _, seed, _ in cells]] = 1
    freedom = len(cells) - int(np.linalg.matrix_rank(design.T @ design, hermitian=True))  # its rank, of a small matrix
    if freedom < 1:
        return []
    response = np.array([value for *_, value in cells])
    variances, freedoms = spreads(design, response - response.mean(), mine, len(rows), freedom)
    solve = fit(design, variances[mine])
    contrast = np.zeros((len(pairs), design.shape[1]))
    for index, (one, other) in enumerate(pairs):
        contrast[index, rows.index(one)], contrast[index, rows.index(other)] = 1, -1
    weights = contrast @ solve
    seeds_part = (weights * variances[mine]) @ weights.T
    total = seeds_part if examples is None else seeds_part + examples
    correlation = least_correlation(total) if len({other for _, other in pairs}) == 1 else 0.0
    by_row = np.stack([(weights[:, mine == row] ** 2).sum(1) * variances[row] for row in range(len(rows))], 1)
    found = []
    for index in range(len(pairs)):
        mean, variance = float(weights[index] @ response), float(total[index, index])
        error = math.sqrt(variance) if variance > ROUNDING**2 else 0.0
        share = float(seeds_part[index, index]) / variance if error else 1.0
        own = by_row[index].sum() ** 2 / (by_row[index] ** 2 / freedoms).sum() if error and share else freedom
        # with this many test images only the seeds' degrees of freedom count
        free = min(float(own), freedom) / max(share, 1e-3) ** 2
        limit = critical(len(pairs), rounded(free), correlation, confidence)
        ends = (mean - limit * error, mean + limit * error)
        images = None if examples is None else math.sqrt(variance * max(0.0, 1 - share))
        found.append(
            Comparison(mean, error, free, limit, ends, images, error * (limit + quantile(POWER, free)), len(pairs))
        )
    return found


def fit(design: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The matrix that gives weighted least squares' coefficients from the responses, weights 1 / variance."""
    weighted = design.T / variances
    solved: np.ndarray = np.linalg.pinv(weighted @ design, hermitian=True) @ weighted
    return solved


def spreads(
    design: np.ndarray, response: np.ndarray, mine: np.ndarray, rows: int, freedom: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each row's variance from seed to seed beyond its seeds' effects, and its degrees of freedom.

    sᵢ² = Σ r² / νᵢ over the row's residuals r, νᵢ = Σ (1 - leverage); moderated over the rows (`moderated`), the fit
    weighted anew by that, some rounds. A row that varies more than the others keeps its own: few seeds tell little of a
    row's spread, and taken too small it would find differences that are none.
    """
    variances = np.ones(rows)
    for _ in range(ROUNDS):
        solve = fit(design, variances[mine])
        residual = response - design @ (solve @ response)
        left = 1 - np.einsum("ij,ji->i", design, solve)
        count = np.maximum(np.bincount(mine, left, rows), 1e-3)
        own = np.bincount(mine, residual**2, rows) / count
        if own.max() <= ROUNDING**2:
            return np.full(rows, ROUNDING**4), np.full(rows, float(freedom))
        variances, freedoms = moderated(own, count, freedom)
    return np.maximum(variances, own), freedoms


def moderated(variances: np.ndarray, freedoms: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Variances drawn towards a common one, and their degrees of freedom, at most those of all together.

    (d₀ s₀² + νᵢ sᵢ²) / (d₀ + νᵢ), d₀ + νᵢ: the posterior if true variances follow a scaled inverse χ², whose d₀ and
    s₀² come from the mean and variance of log sᵢ². Where these vary no more than chance has it, all are the pooled one.
    Source: Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004, §6.2.
    """
    pooled = np.full(len(variances), (freedoms * variances).sum() / freedoms.sum())
    together = pooled, np.full(len(variances), float(most))
    if len(variances) < 3:
        return together
    half = freedoms / 2
    logs = np.log(np.maximum(variances, 1e-5 * pooled)) - digamma(half) + np.log(half)
    beyond = logs.var(ddof=1) - polygamma(1, half).mean()
    if beyond <= 0:
        return together
    prior = 2 * inverse_trigamma(beyond)
    common = math.exp(logs.mean() + digamma(prior / 2) - math.log(prior / 2))
    return (prior * common + freedoms * variances) / (prior + freedoms), np.minimum(prior + freedoms, most)


def inverse_trigamma(value: float) -> float:
    """x with ψ′(x) = value, by bisection: ψ′ falls from infinity to 0."""
    low, high = 1e-8, 1e8
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if polygamma(1, middle) > value else (low, middle)
    return middle


def rounded(freedom: float) -> float:
    """Degrees of freedom rounded down to two digits, so that rows share critical values."""
    digits = 10.0 ** (1 - math.floor(math.log10(freedom)))
    return math.floor(freedom * digits + ROUNDING) / digits


def quantile(probability: float, freedom: float) -> float:
    """Student's quantile."""
    return float(stdtrit(freedom, probability))


def least_correlation(covariance: np.ndarray) -> float:
    """The least correlation of any two differences, at least 0, rounded down; if none varies a balanced design's."""
    sizes = np.sqrt(np.clip(np.diag(covariance), 0, None))
    if len(sizes) < 2 or (sizes <= ROUNDING).any():
        return 0.5
    pairs = covariance[np.triu_indices(len(sizes), 1)] / np.outer(sizes, sizes)[np.triu_indices(len(sizes), 1)]
    return math.floor(100 * float(np.clip(pairs.min() + ROUNDING, 0, 0.95))) / 100


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

    # between the one-row value and Bonferroni's
    low, high = (quantile(1 - (1 - confidence) / (2 * k), freedom) for k in (1, rows))
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if inside(middle) >= confidence else (middle, high)
    return high


def examples_covariance(correct: Mapping[str, Mapping[int, np.ndarray]], pairs: Sequence[Pair]) -> np.ndarray:
    """Return the part of the choice of test images in the pairs' differences: (pairs, pairs) covariance in points².

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
    nearest: np.ndarray = (vectors * np.clip(values, 0, None)) @ vectors.T
    return nearest
