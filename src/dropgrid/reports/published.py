"""Our results beside published ones: whether differences are equal, and whether the protocol is the source's."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

from dropgrid.statistics.samples import ABOVE, BELOW, CONFIDENCE, EQUAL, ROUNDING, Interval, difference_verdict
from dropgrid.statistics.simultaneous import Comparison
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import MISSING, flat

SAME, OTHER = "same", "other"
"""Whether our protocol is the source's."""

ABSENT = "absent"
"""In a published protocol, the value of a key that a cell's configuration must not have."""

PART = 0.5
"""The default margin around a published difference, as a share of it."""

RULE = (
    "Against published: the verdict on ours − published, our difference less the published one, the published error "
    "counted: above or below if its 95 % interval lies wholly beyond 0, equal if two one-sided tests at 5 % show it "
    "within the margin ({margin}), open otherwise; each for one comparison. A difference is reproduced if it is "
    "equal, its own verdict has the published sign, and the protocol is the same."
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
        half = student_quantile(self.freedom) * self.error if self.error else 0.0
        return self.effect - half, self.effect + half


def published_row(ablation: Ablation, row: str) -> Mapping[str, Any] | None:
    """Return the published numbers of a row: mean, and optionally std, other metrics by name, and a note."""
    found = published_options(ablation).get("rows") or {}
    return found.get(row)


def published_options(ablation: Ablation) -> Mapping[str, Any]:
    """Return the ablation's `published`: rows, n, source and protocol."""
    return ablation.about.get("published") or {}


def published_difference(ablation: Ablation, row: str) -> Published | None:
    """Return the published difference to the baseline; None if either was not published.

    error = √(s² / n + s_baseline² / n), degrees of freedom by Welch-Satterthwaite.
    """
    own, reference = published_row(ablation, row), published_row(ablation, ablation.baseline)
    if not own or not reference or own.get("mean") is None or reference.get("mean") is None:
        return None
    n = int(published_options(ablation).get("n") or 1)
    parts = [each["std"] ** 2 / n for each in (own, reference) if each.get("std") is not None]
    variance = math.fsum(parts)
    freedom = variance**2 / (math.fsum(part**2 for part in parts) / (n - 1)) if variance and n > 1 else math.inf
    return Published(own["mean"] - reference["mean"], math.sqrt(variance), freedom)


def compare_with_published(ours: Comparison, published: Published, ablation: Ablation) -> str | None:
    """Return the verdict on ours less the published difference, by `RULE`."""
    outer, inner = (ours_less_published(ours, published, level) for level in (CONFIDENCE, 2 * CONFIDENCE - 1))
    return difference_verdict(outer, inner, equivalence_margin(ablation, published))


def equivalence_margin(ablation: Ablation, published: Published) -> float:
    """Return the points within which ours counts as equal to a published difference."""
    stated = published_options(ablation).get("margin")
    return PART * abs(published.effect) if stated is None else float(stated)


def is_reproduced(own: str | None, against: str | None, published: Published, protocol: str | None) -> bool:
    """Predicate: a row's verdicts reproduce the published difference, by `RULE`."""
    return protocol == SAME and against == EQUAL and own == (ABOVE if published.effect > 0 else BELOW)


def ours_less_published(ours: Comparison, published: Published, level: float = CONFIDENCE) -> Interval:
    """Return the interval of ours - published: difference ± t · √(error² + published error²), freedom by Welch."""
    difference = ours.mean - published.effect
    variance = ours.error**2 + published.error**2
    if variance <= ROUNDING**2:
        return difference, difference
    freedom = variance**2 / (ours.error**4 / ours.freedom + published.error**4 / published.freedom)
    half = student_quantile(freedom, level) * math.sqrt(variance)
    return difference - half, difference + half


def student_quantile(freedom: float, level: float = CONFIDENCE) -> float:
    """Return Student's quantile that bounds an interval; the normal one for infinite freedom."""
    return float(stdtrit(min(freedom, 1e9), (1 + level) / 2))


def published_protocol(ablation: Ablation, row: str) -> dict[str, Any]:
    """Return what a row's published numbers hold for: `published.protocol`, and the row's own `protocol`."""
    own = (published_row(ablation, row) or {}).get("protocol") or {}
    return {**(published_options(ablation).get("protocol") or {}), **own}


def protocol_differences(ablation: Ablation, row: str, cell: Cell | None) -> list[str]:
    """Return the keys in which a cell's protocol is not the published one: `trainer.max_epochs 15 (published: 270)`.

    `report.metric` is the ablation's headline metric; all other keys are keys of the cell's configuration, which lacks
    those whose value is `absent`.
    """
    config = flat((cell.config if cell else None) or {})
    found = []
    for key, theirs in published_protocol(ablation, row).items():
        ours = ablation.metric if key == "report.metric" else config.get(key, MISSING)
        if not (ours is MISSING if theirs == ABSENT else ours == theirs):
            found.append(f"{key.removesuffix('.option')} {ours} (published: {theirs})")
    return found


def pair_differences(ablation: Ablation, row: str, cell: Cell | None, reference: Cell | None) -> list[str]:
    """Return the differences of a row's protocol, and those that only its baseline's has."""
    own = protocol_differences(ablation, row, cell)
    others = protocol_differences(ablation, ablation.baseline, reference)
    return [*own, *(f"{ablation.baseline}: {each}" for each in others if each not in own)]


def protocol_of(ablation: Ablation, row: str, differs: Sequence[str]) -> str:
    """Return `same` if the source's protocol of a row is stated, and ours does not differ from it; else `other`."""
    return SAME if published_protocol(ablation, row) and not differs else OTHER


def claim_protocol(
    ablation: Ablation, rows: Mapping[str, Sequence[Cell]], named: Collection[str], metric: str | None = None
) -> str | None:
    """Return whether a claim was tested by the source's protocol: `same` if each of its rows was; None without source.

    Args:
        rows: the cells of a block.
        named: the rows that the claim is about; none if one no longer exists.
        metric: what the claim is about; None is the headline.
    """
    if not ablation.about.get("source"):
        return None
    return SAME if named and all(is_of_source(ablation, row, rows[row], metric) for row in named) else OTHER


def is_of_source(ablation: Ablation, row: str, cells: Sequence[Cell], metric: str | None) -> bool:
    """Predicate: the source has a number for a row and a metric (None: the headline), and our protocol is its own."""
    known = published_row(ablation, row)
    if known is None or (metric not in (None, ablation.metric) and metric not in known):
        return False
    return protocol_of(ablation, row, protocol_differences(ablation, row, next(iter(cells), None))) == SAME
