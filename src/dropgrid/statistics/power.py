"""How many seeds a difference takes, from the spread of paired differences in the seeds that there are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import chdtri, nctdtr, stdtrit  # not scipy.stats, which takes a second to import

from dropgrid.statistics.samples import CONFIDENCE, ROUNDING, Interval, differences

POWER = 0.8
MOST_SEEDS = 1_000_000
SHARED_BASELINE = 0.5
"""Correlation of two rows' differences to one baseline, if rows vary alike: half of their variance is its."""

Values = Mapping[str, Mapping[int, float]]
"""row -> seed -> value."""


@dataclass(frozen=True)
class Spread:
    """How paired differences vary from seed to seed.

    `sd` is their standard deviation, `interval` its 95 % interval, `correlation` that of a row's values with its
    baseline's over the seeds (None if either never varies), `rows` and `seeds` how many were there to tell.
    """

    sd: float
    interval: Interval
    correlation: float | None
    rows: int
    seeds: int


def spread(blocks: Sequence[Values], baseline: str) -> Spread | None:
    """The spread pooled over all rows of all blocks; None if no row shares two seeds with its block's baseline.

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
            mine, theirs = centred([values[s] for s in both]), centred([control[s] for s in both])
            squares += dot(*[centred(differences(values, control))] * 2)
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
        (sd * math.sqrt(freedom / below), sd * math.sqrt(freedom / above)),
        products / math.sqrt(own * shared) if varies else None,
        rows,
        seeds,
    )


def centred(values: Sequence[float]) -> list[float]:
    """Values less their mean."""
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def dot(first: Sequence[float], second: Sequence[float]) -> float:
    """Σ first · second."""
    return math.fsum(a * b for a, b in zip(first, second, strict=True))


def power(n: int, delta: float, sd: float) -> float:
    """The chance that the two-sided paired t-test at 5 % shows a true mean difference `delta`, with n seeds.

    P(|T| > t(0.975; n - 1)), T noncentral t with n - 1 degrees of freedom and noncentrality δ √n / σ: exact for normal
    differences of standard deviation σ. Source: Cohen, Statistical Power Analysis, 2nd ed., 1988, §2.3-2.4 and §12.2.
    """
    if n < 2 or sd < 0:
        raise ValueError(f"power takes 2 seeds or more and a standard deviation of 0 or more, got {n!r} and {sd!r}")
    if sd == 0:
        return 1.0 if delta else 0.0
    noncentrality = abs(delta) / sd * math.sqrt(n)
    critical = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    missed = float(nctdtr(n - 1, noncentrality, critical))
    opposite = float(nctdtr(n - 1, noncentrality, -critical)) if noncentrality < 7 else 0.0  # below 1e-12 from there
    return 1.0 if math.isnan(missed) else 1 - missed + opposite  # SciPy's is nan where it underflows


def seeds_needed(delta: float, sd: float, wanted: float = POWER) -> int | None:
    """The fewest seeds, 2 or more, with that power for a difference; None beyond a million."""
    if not delta > 0:
        raise ValueError(f"a difference to detect is above 0, got {delta!r}")
    high = 2
    while power(high, delta, sd) < wanted:
        high *= 2
        if high > MOST_SEEDS:
            return None
    low = max(1, high // 2)  # too few, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, delta, sd) >= wanted else (middle, high)
    return high


def detectable(n: int, sd: float, wanted: float = POWER) -> float | None:
    """The smallest difference that n seeds show with that power; None for fewer than 2, which show nothing."""
    if n < 2:
        return None
    low, high = 0.0, 1.0  # in units of the standard deviation
    while power(n, high, 1.0) < wanted:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, 1.0) >= wanted else (middle, high)
    return high * sd
