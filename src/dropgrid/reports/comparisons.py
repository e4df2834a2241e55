"""A row's values, and pairs or other combinations of rows judged together."""

from collections.abc import Mapping, Sequence

from dropgrid.reports.predictions import correct
from dropgrid.statistics.combinations import Weights, compare_combinations
from dropgrid.statistics.dunnett import Comparison, compare, examples_covariance
from dropgrid.store.cell import Cell


def judged(
    rows: Mapping[str, Sequence[Cell]], metric: str, pairs: Sequence[tuple[str, str]], confidence: float
) -> list[Comparison]:
    """The comparisons of pairs of complete rows; none if there is no spread to judge by."""
    right = correct(rows, metric)
    covariance = None if right is None else examples_covariance(right, pairs)
    return compare({name: percents(cells, metric) for name, cells in rows.items()}, pairs, covariance, confidence)


def combinations_judged(
    rows: Mapping[str, Sequence[Cell]], metric: str, combinations: Sequence[Weights], confidence: float, family: int
) -> list[Comparison | None]:
    """The comparisons of combinations of complete rows with 0; None for one with fewer than 2 shared seeds."""
    right = correct(rows, metric) if combinations else None
    values = {name: percents(cells, metric) for name, cells in rows.items()}
    return compare_combinations(values, right, combinations, confidence, family)


def complete(cells: Sequence[Cell], metric: str) -> bool:
    """Whether every cell has the metric."""
    return len(percents(cells, metric)) == len(cells)


def percents(cells: Sequence[Cell], metric: str) -> dict[int, float]:
    """Seed -> the metric in percent, of the cells that have it."""
    values = {cell.seed: cell.value(metric) for cell in cells}
    return {seed: percent(value) for seed, value in values.items() if value is not None}


def percent(share: float) -> float:
    """A share in percent, without the 1e-14 that the factor adds."""
    return round(100 * share, 10)
