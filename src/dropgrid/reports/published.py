"""Our results beside the published: whether an effect is reproduced, and when the two cannot be compared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

from dropgrid.statistics.dunnett import Comparison
from dropgrid.statistics.samples import CONFIDENCE, ROUNDING, Interval
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import MISSING, flat

REPRODUCED, OTHER_SIZE, CONTRADICTED = "reproduced", "same direction, other size", "contradicted"
INCONCLUSIVE, NOT_COMPARABLE = "inconclusive", "not comparable"

RULE = (
    "Against the published: “reproduced” if our simultaneous interval lies on the published side of 0 and the 95 % "
    "interval of (ours − published), the published error counted, contains 0; “same direction, other size” if the "
    "first holds and the second does not; “contradicted” if our interval lies wholly on the other side of 0, or "
    "contains 0, excludes the published interval and is narrower than the published effect; “not comparable” if "
    "protocols differ; “inconclusive” otherwise."
)


@dataclass(frozen=True)
class Published:
    """A published difference to the published baseline, in points.

    `error` is its standard error, 0 if no spread was published, and `freedom` its degrees of freedom.
    """

    effect: float
    error: float
    freedom: float

    @property
    def ci95(self) -> Interval:
        """effect ± t(0.975) · error."""
        half = student(self.freedom) * self.error if self.error else 0.0
        return self.effect - half, self.effect + half


def entry(ablation: Ablation, row: str) -> Mapping[str, Any] | None:
    """The published numbers of a row: mean, maybe std, maybe other metrics by name, maybe a note."""
    found = about(ablation).get("rows") or {}
    return found.get(row)


def about(ablation: Ablation) -> Mapping[str, Any]:
    """The ablation's `published`: rows, n, source and protocol."""
    return ablation.about.get("published") or {}


def effect(ablation: Ablation, row: str) -> Published | None:
    """The published difference to the baseline; None if either was not published.

    error = √(s² / n + s_baseline² / n), degrees of freedom by Welch-Satterthwaite.
    """
    own, reference = entry(ablation, row), entry(ablation, ablation.baseline)
    if not own or not reference or own.get("mean") is None or reference.get("mean") is None:
        return None
    n = int(about(ablation).get("n") or 1)
    parts = [each["std"] ** 2 / n for each in (own, reference) if each.get("std") is not None]
    variance = math.fsum(parts)
    freedom = variance**2 / (math.fsum(part**2 for part in parts) / (n - 1)) if variance and n > 1 else math.inf
    return Published(own["mean"] - reference["mean"], math.sqrt(variance), freedom)


def judge(ours: Comparison, published: Published) -> str:
    """The verdict, by `RULE`."""
    low, high = ours.ci95
    sign = 1.0 if published.effect >= 0 else -1.0
    same = low > ROUNDING if sign > 0 else high < -ROUNDING
    other = high < -ROUNDING if sign > 0 else low > ROUNDING
    if same:
        return REPRODUCED if contains(ours_less_published(ours, published), 0.0) else OTHER_SIZE
    theirs = published.ci95
    disjoint = theirs[0] > high or theirs[1] < low
    precise = (high - low) / 2 < abs(published.effect) / 2
    return CONTRADICTED if other or (disjoint and precise) else INCONCLUSIVE


def ours_less_published(ours: Comparison, published: Published) -> Interval:
    """The 95 % interval of ours - published: difference ± t(0.975; ν) · √(error² + published error²), ν by Welch."""
    difference = ours.mean - published.effect
    variance = ours.error**2 + published.error**2
    if variance <= ROUNDING**2:
        return difference, difference
    freedom = variance**2 / (ours.error**4 / ours.freedom + published.error**4 / published.freedom)
    half = student(freedom) * math.sqrt(variance)
    return difference - half, difference + half


def contains(interval: Interval, value: float) -> bool:
    """Whether a value lies in an interval, but for rounding."""
    return interval[0] - ROUNDING <= value <= interval[1] + ROUNDING


def student(freedom: float) -> float:
    """t(0.975; ν), for infinite ν the normal quantile."""
    return float(stdtrit(min(freedom, 1e9), (1 + CONFIDENCE) / 2))


def differs(ablation: Ablation, cell: Cell | None) -> list[str]:
    """The keys in which a cell's protocol is not the published one: `trainer.max_epochs 15 (published: 270)`.

    `report.metric` is the ablation's headline; all other keys are of the cell's configuration.
    """
    wanted = about(ablation).get("protocol") or {}
    config = flat((cell.config if cell else None) or {})
    found = []
    for key, theirs in wanted.items():
        ours = ablation.metric if key == "report.metric" else config.get(key, MISSING)
        if ours != theirs:
            found.append(f"{key.removesuffix('.option')} {ours} (published: {theirs})")
    return found
