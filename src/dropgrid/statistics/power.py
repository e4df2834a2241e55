"""The number of seeds needed for a difference, estimated from the spread of paired differences over finished seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import chdtri, nctdtr, ndtr, stdtrit  # not scipy.stats, which takes a second to import

from dropgrid.statistics.samples import CONFIDENCE, POWER, ROUNDING, Interval, differences
from dropgrid.statistics.simultaneous import BLOCKS, LEAST_SHARE, excess_taken_off

MOST_SEEDS = 1_000_000
SHARED_BASELINE = 0.5
"""Correlation of two rows' differences to one baseline if rows vary alike: half of the variance is the baseline's."""

FITTED = 1.6
"""Seeds' worth by which weights that follow the data reduce what other rows add to a spread; fitted to simulations
(within 2 %)."""

NODES, NODES_WITH_IMAGES, SPREADS = 40, 16, 12
"""Nodes of the quadratures over estimated spreads, and over true ones."""

Values = Mapping[str, Mapping[int, float]]
"""row -> seed -> value."""


@dataclass(frozen=True)
class Spread:
    """How paired differences vary from seed to seed.

    `sd` is their standard deviation, `interval` its 95 % interval, `correlation` that of a row's values with its
    baseline's over the seeds (None if either never varies), `rows` and `seeds` the numbers used, `freedom` the degrees
    of freedom of `sd`.
    """

    sd: float
    freedom: float
    interval: Interval
    correlation: float | None
    rows: int
    seeds: int


@dataclass(frozen=True)
class Design:
    """The design that a verdict depends on: comparisons that share the level alpha, rows of the table, and the variance
    of a difference over test images, in points² (0 if unknown), which more seeds do not reduce.
    """

    family: int = 1
    rows: int = 2
    alpha: float = 1 - CONFIDENCE
    images: float = 0.0

    @property
    def level(self) -> float:
        """The confidence of one interval."""
        return float((1 - self.alpha) ** (1 / max(self.family, 1)))


PAIR = Design()
"""Two rows: the paired t-test at 5 %."""


def pooled_spread(blocks: Sequence[Values], baseline: str) -> Spread | None:
    """Return the spread pooled over all rows of all blocks; None if no row shares two seeds with its block's baseline.

    sd = √(Σ νᵢ sᵢ² / Σ νᵢ), sᵢ the standard deviation of row i's differences dₛ = valueₛ - baselineₛ over the nᵢ seeds
    that both have, νᵢ = nᵢ - 1. Interval: sd · √(ν / χ²(0.975; ν)) to sd · √(ν / χ²(0.025; ν)). Rows of a block share
    its baseline, so that their variances are correlated by ρ² = 1/4 (normal values, rows that vary alike), and
    ν = (Σ νᵢ)² / Σᵢⱼ ρᵢⱼ² min(νᵢ, νⱼ), fewer than Σ νᵢ (Satterthwaite 1946: the χ² of the same mean and variance).
    Correlation: Σ νᵢ cov(value, baseline) / √(Σ νᵢ var(value) · Σ νᵢ var(baseline)).
    """
    squares = own = shared = products = 0.0
    total = clustered = 0.0
    rows, seeds = 0, 0
    for block in blocks:
        freedoms = []
        control = block.get(baseline, {})
        for row, values in block.items():
            both = sorted(values.keys() & control.keys())
            if row == baseline or len(both) < 2:
                continue
            mine, theirs = centre([values[s] for s in both]), centre([control[s] for s in both])
            squares += dot(*[centre(differences(values, control))] * 2)
            own, shared, products = own + dot(mine, mine), shared + dot(theirs, theirs), products + dot(mine, theirs)
            freedoms.append(len(both) - 1)
            rows, seeds = rows + 1, max(seeds, len(both))
        total += sum(freedoms)
        alike = SHARED_BASELINE**2
        clustered += sum(min(a, b) * alike for a in freedoms for b in freedoms) + sum(freedoms) * (1 - alike)
    if not rows:
        return None
    sd, freedom = math.sqrt(squares / total), total**2 / clustered
    below, above = (float(chdtri(freedom, p)) for p in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    varies = own > ROUNDING and shared > ROUNDING
    return Spread(
        sd if sd > ROUNDING else 0.0,
        freedom,
        (sd * math.sqrt(freedom / below), sd * math.sqrt(freedom / above)),
        products / math.sqrt(own * shared) if varies else None,
        rows,
        seeds,
    )


def centre(values: Sequence[float]) -> list[float]:
    """Return values less their mean."""
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def dot(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Σ first · second."""
    return math.fsum(a * b for a, b in zip(first, second, strict=True))


def verdict_power(n: int, delta: float, sd: float, design: Design = PAIR) -> float:
    """Return the chance that the table's own verdict shows a true mean difference `delta`, with n seeds.

    The verdict is `simultaneous.compare_pairs`'s: two-sided, at level (1 - alpha)^(1 / family). With 2 or 3 rows it is
    the paired t-test, whose power is that of noncentral t with n - 1 degrees of freedom and noncentrality δ √n / σ
    (Cohen, Statistical Power Analysis, 2nd ed., 1988, §2.3-2.4). With more rows, or if the choice of test images adds
    a variance v, it is the probability that |d|, normal with mean δ and variance σ² / n + v, exceeds the limit that the
    estimated spread gives, averaged over estimates by Gauss-Legendre quadrature.

    Args:
        n: seeds, 2 or more.
        delta: the true difference.
        sd: the standard deviation of paired differences over seeds; row and baseline vary alike.
        design: the table's design.
    """
    if n < 2 or sd < 0:
        raise ValueError(f"power takes 2 seeds or more and a standard deviation of 0 or more, got {n!r} and {sd!r}")
    error = math.hypot(sd / math.sqrt(n), math.sqrt(design.images))
    if error == 0:
        return 1.0 if delta else 0.0
    shift = abs(delta) / error
    if design.images == 0 and design.rows < BLOCKS:
        critical = float(stdtrit(n - 1, (1 + design.level) / 2))
        missed = float(nctdtr(n - 1, shift, critical))
        opposite = float(nctdtr(n - 1, shift, -critical)) if shift < 7 else 0.0  # below 1e-12 from there
        return 1.0 if math.isnan(missed) else 1 - missed + opposite  # SciPy's is nan where it underflows
    limits, masses = limits_of_verdict(n, design.rows, design.level, design.images / error**2)
    return float((masses * (ndtr(shift - limits) + ndtr(-shift - limits))).sum())


@lru_cache(maxsize=512)
def limits_of_verdict(n: int, rows: int, level: float, images: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the verdict's limits, in true standard errors, over the spreads that a table may show, and their masses.

    `images` is the share of test images in the squared error. Their variance is known, that of seeds estimated: with
    2 or 3 rows χ²(n - 1) / (n - 1) times the true one; with more it is the mean of row's and baseline's own, each times
    1 + q (1 - 1.6 / n), q = 1 / (rows - 1), over `excess_taken_off`. Limits are `simultaneous.make_comparison`'s.
    """
    shares, masses = np.polynomial.legendre.leggauss(NODES_WITH_IMAGES if images else NODES)
    one = chdtri(n - 1, (1 - shares) / 2) / (n - 1)
    spread, freedom, mass = one, np.full_like(one, n - 1), masses / 2
    if rows >= BLOCKS:
        own, other = one[:, None], one[None, :]
        others = 1 / (rows - 1)
        excess = (1 + others * (1 - FITTED / n)) / excess_taken_off(others, n, rows)
        spread, mass = excess * (own + other) / 2, np.outer(masses / 2, masses / 2)
        freedom = (own + other) ** 2 / (own**2 + other**2) * (n - 1)
    seeds = (1 - images) * spread
    share = seeds / (seeds + images)
    probability = (1 + level) / 2
    limits: np.ndarray = stdtrit(freedom, probability) * np.sqrt(seeds)
    if images:
        free = freedom / np.maximum(share, LEAST_SHARE) ** 2
        limits = np.maximum(limits, stdtrit(free, probability) * np.sqrt(seeds + images))
    return limits, mass


def expected_power(n: int, delta: float, found: "Spread", design: Design = PAIR) -> float:
    """Return the power averaged over what the true spread may be, given an estimated one.

    σ² = ν s² / χ²(ν), ν the estimate's degrees of freedom: a pilot that varied little by chance does not promise too
    much. Source: O'Hagan, Stevens, Campbell, Pharmaceutical Statistics 4, 2005 (assurance).
    """
    if found.sd == 0:
        return verdict_power(n, delta, 0.0, design)
    shares, masses = np.polynomial.legendre.leggauss(SPREADS)
    sds = found.sd * np.sqrt(found.freedom / chdtri(found.freedom, (1 - shares) / 2))
    return float(
        sum(mass / 2 * verdict_power(n, delta, float(sd), design) for mass, sd in zip(masses, sds, strict=True))
    )


def fewest_seeds(shows: Callable[[int], float], wanted: float = POWER) -> int | None:
    """Return the fewest seeds, 2 or more, with which a rising power is at least as wanted; None beyond a million."""
    high = 2
    while shows(high) < wanted:
        high *= 2
        if high > MOST_SEEDS:
            return None
    low = max(1, high // 2)  # too few, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) >= wanted else (middle, high)
    return high


def seeds_needed(delta: float, sd: float, design: Design = PAIR, wanted: float = POWER) -> int | None:
    """Return the fewest seeds with that power for a difference at a known spread; None beyond a million."""
    if not delta > 0:
        raise ValueError(f"a difference to detect is above 0, got {delta!r}")
    return fewest_seeds(lambda n: verdict_power(n, delta, sd, design), wanted)


def seeds_to_plan(delta: float, found: "Spread", design: Design = PAIR, wanted: float = POWER) -> int | None:
    """Return the fewest seeds with that expected power, given an estimated spread; None beyond a million."""
    return fewest_seeds(lambda n: expected_power(n, delta, found, design), wanted)


def detectable_difference(n: int, sd: float, design: Design = PAIR, wanted: float = POWER) -> float | None:
    """Return the smallest difference that n seeds show with that power; None for fewer than 2, which show nothing."""
    if n < 2:
        return None
    error = math.hypot(sd / math.sqrt(n), math.sqrt(design.images))
    if error == 0:
        return 0.0
    low, high = 0.0, error
    while verdict_power(n, high, sd, design) < wanted:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if verdict_power(n, middle, sd, design) >= wanted else (middle, high)
    return high
