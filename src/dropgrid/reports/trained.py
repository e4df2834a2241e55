"""Which seeds of a row trained, and how rows compare if some did not.

If some seeds stay at chance, the mean and its interval are meaningless: such a row is compared by the number of its
seeds that trained. `ablation.trained: 30` is the training metric, in percent, above which a seed trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dropgrid.reports.comparisons import alpha_of, highest, to_percent, values_by_seed
from dropgrid.reports.seed_statistics import sample_of_seeds
from dropgrid.statistics.proportions import exact_interval, fisher_test, seeds_that_decide, sidak_adjusted
from dropgrid.statistics.samples import ABOVE, BELOW, OPEN, Interval, Sample
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell

TIMES_CHANCE = 2
"""By default a seed trained if its training metric is above this times chance, or half-way to 100 % if that is lower.
"""


@dataclass(frozen=True)
class Trained:
    """`count` of `n` seeds of a row trained; `interval` is of their share, exact, in [0, 1].

    `sample` describes those that trained. `p_value` is that of Fisher's test against the baseline, adjusted over the
    family (None for the baseline), and gives `verdict`; `decides` is the fewest seeds per row with which all against
    none would be significant.
    """

    count: int
    n: int
    interval: Interval
    sample: Sample
    p_value: float | None
    verdict: str | None
    decides: int | None


def trained_limit(ablation: Ablation, cell: Cell) -> float | None:
    """Return the training metric, in percent, above which a cell trained; None if chance is not known."""
    stated = ablation.rule("trained")
    if stated is not None:
        return float(stated)
    chance = (cell.result or {}).get("chance")
    return None if not chance else to_percent(min(TIMES_CHANCE * chance, (1 + chance) / 2))


def did_train(ablation: Ablation, cell: Cell) -> bool:
    """Predicate: a finished cell trained; its loss stayed finite, and its training metric is above the limit."""
    if (cell.result or {}).get("diverged"):
        return False
    bound, value = trained_limit(ablation, cell), cell.value(ablation.task.metric("train"))
    return bound is None or value is None or to_percent(value) > bound


def all_trained(ablation: Ablation, cells: Sequence[Cell]) -> bool:
    """Predicate: every finished cell of a row trained."""
    return all(did_train(ablation, cell) for cell in cells if cell.result is not None)


def count_trained(ablation: Ablation, cells: Sequence[Cell], reference: Sequence[Cell], family: int) -> Trained | None:
    """Return how many seeds of a complete row trained, beside its baseline's; None if all of both did."""
    if all_trained(ablation, cells) and all_trained(ablation, reference):
        return None
    own, other = ([did_train(ablation, cell) for cell in each] for each in (cells, reference))
    values = values_by_seed([cell for cell, did in zip(cells, own, strict=True) if did], ablation.metric)
    alpha = alpha_of(ablation)(len(own))
    p_value = verdict = None
    if cells is not reference:
        p_value = sidak_adjusted(fisher_test(sum(own), len(own), sum(other), len(other)), family)
        higher = sum(own) / len(own) > sum(other) / len(other)
        verdict = OPEN if p_value > alpha else ABOVE if higher else BELOW
    sample = sample_of_seeds(values, True, highest({"": cells}, ablation.metric))
    interval = exact_interval(sum(own), len(own))
    return Trained(sum(own), len(own), interval, sample, p_value, verdict, seeds_that_decide(family, alpha))
