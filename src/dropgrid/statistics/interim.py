"""Interim analyses: the level of each, and when more seeds cannot show the difference to detect."""

import math
from collections.abc import Mapping, Sequence

from scipy.special import ndtr, ndtri

from dropgrid.statistics.samples import CONFIDENCE, ROUNDING
from dropgrid.statistics.simultaneous import LEAST_SHARE, Comparison, make_comparison, share_of_seeds

FUTILE = 0.5
"""Conditional power below which a row gets no more seeds: it would more likely stay open than not."""


def level_by_count(counts: Sequence[int], alpha: float = 1 - CONFIDENCE) -> dict[int, float]:
    """Return alpha spending: an interim analysis's number of seeds -> its own level.

    The analysis with n of N seeds has spent α*(t) = 2 - 2 Φ(z(1 - α / 2) / √t) in all, t = n / N: little early, nearly
    all at the last. Levels add up to alpha, so intervals of all analyses hold together by Bonferroni's inequality,
    whatever is decided between them. Source: Lan, DeMets, Biometrika 70, 1983 (O'Brien-Fleming's type).
    """
    bound = float(ndtri(1 - alpha / 2))
    totals = [2 - 2 * float(ndtr(bound / math.sqrt(n / counts[-1]))) for n in counts]
    return {n: total - before for n, total, before in zip(counts, totals, [0.0, *totals], strict=False)}


def level_at(levels: Mapping[int, float], n: int) -> float:
    """Return the level of a row with n seeds: that of its interim analysis, between two that of the earlier one."""
    return levels[max((each for each in levels if each <= n), default=min(levels))]


def conditional_power(now: Comparison, delta: float, last: int, alpha: float) -> float:
    """Return the chance that the last analysis shows a difference, if the true one is delta, or as observed.

    With d̂ of n seeds and m = N - n to come, d at N seeds is normal with mean (n d̂ ± m δ) / N and variance σ² m / N²,
    δ the larger of delta and |d̂|, σ² = n · (error² - v), v that of the choice of test images, which are the same then;
    it is shown beyond t · √(σ² / N + v), t at `alpha` over the family, degrees of freedom in proportion to the seeds.
    The result is the larger of the two signs'. Source: Lan, Simon, Halperin, Sequential Analysis 1, 1982.
    """
    n, images = now.n, (now.examples or 0.0) ** 2
    variance = n * max(0.0, now.error**2 - images)
    alone = now.freedom * max(share_of_seeds(variance / n, images), LEAST_SHARE) ** 2
    then = make_comparison(
        now.mean,
        variance / last,
        alone * (last - 1) / (n - 1),
        now.examples and images,
        (1 - alpha) ** (1 / now.family),
        now.family,
        last,
    )
    bound = then.critical * then.error
    spread = max(math.sqrt(variance * (last - n)) / last, ROUNDING)
    true = max(delta, abs(now.mean))
    means = [sign * (n * now.mean + sign * (last - n) * true) / last for sign in (1, -1)]
    return max(float(ndtr((mean - bound) / spread)) for mean in means)


def is_futile(now: Comparison, delta: float, last: int, alpha: float) -> bool:
    """Predicate: half of the seeds are done, and the last analysis would hardly show even a true ±delta.

    With fewer seeds the spread itself is too uncertain to stop.
    """
    return last / 2 <= now.n < last and conditional_power(now, delta, last, alpha) < FUTILE
