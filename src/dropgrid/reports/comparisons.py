"""Simultaneous comparisons of rows, in pairs or in other linear combinations."""

import math
import re
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dropgrid.reports.predictions import image_values_by_row
from dropgrid.statistics.combinations import Weights, combined_images_variance, compare_combinations
from dropgrid.statistics.interim import level_at, level_by_count
from dropgrid.statistics.samples import CONFIDENCE, Difference, Interval, clip_interval
from dropgrid.statistics.simultaneous import Comparison, compare_pairs
from dropgrid.store.ablation import Ablation
from dropgrid.store.cell import Cell
from dropgrid.store.evaluations import SHARE

FULL = 100.0
"""The highest possible share, in percent."""

NATS = ("test/nll_last", "train/nll")
"""Metrics of a result that are not shares."""

PHASES = ("train", "val", "test")
"""What the names of a result's metrics begin with."""

DEVIATION = re.compile(r"deviation\[epoch=([1-9]\d*)\]/(\S+)")
"""How far a cell's metric after that epoch is from the median over its row's seeds: Brown and Forsythe (Journal of the
American Statistical Association 69, 1974) compare spreads by the means of these distances."""

Rows = Mapping[str, Sequence[Cell]]
Alpha = Callable[[int], float]
"""Number of seeds -> level."""


def alpha_of(ablation: Ablation) -> Alpha:
    """Return the level for n seeds: 5 %, or an interim analysis's part of it (`sweep.seeds=auto`)."""
    counts = ablation.about.get("looks")
    levels = level_by_count(counts) if counts else {0: 1 - CONFIDENCE}
    return partial(level_at, levels)


def compare_rows(
    rows: Rows,
    metric: str,
    pairs: Sequence[tuple[str, str]],
    alpha: Alpha,
    family: int,
    unpaired: Collection[tuple[str, str]] = (),
) -> list[Comparison | None]:
    """Compare pairs of complete rows by a metric; return None for a pair with fewer than 2 shared seeds."""
    right = image_values_by_row(rows, metric) if pairs else None
    images = None
    if right is not None:
        images = [combined_images_variance(right, ((a, 1), (b, -1)), (a, b) in unpaired) for a, b in pairs]
    values = {name: values_by_seed(cells, metric) for name, cells in rows.items()}
    found = compare_pairs(values, pairs, images, alpha, family, unpaired)
    return [each and clip_intervals(each, rows, metric, (1, -1)) for each in found]


def compare_row_combinations(
    rows: Rows, metric: str, combinations: Sequence[Weights], alpha: Alpha, family: int
) -> list[Comparison | None]:
    """Compare linear combinations of complete rows with 0; return None for one with fewer than 2 shared seeds."""
    right = image_values_by_row(rows, metric) if combinations else None
    values = {name: values_by_seed(cells, metric) for name, cells in rows.items()}
    found = compare_combinations(values, right, combinations, alpha, family)
    return [
        each and clip_intervals(each, rows, metric, [weight for _, weight in weights])
        for each, weights in zip(found, combinations, strict=True)
    ]


def clip_intervals(found: Comparison, rows: Rows, metric: str, weights: Sequence[int]) -> Comparison:
    """Return a comparison with its intervals cut to what a combination of the metric by these weights can be."""
    ends: list[Interval] = [clip_interval(each, *possible(rows, metric, weights)) for each in (found.ci95, found.inner)]
    return replace(found, ci95=ends[0], inner=ends[1])


def clip_difference(found: Difference, limits: Interval) -> Difference:
    """Return a difference with its interval cut to what it can be."""
    return replace(found, ci95=found.ci95 and clip_interval(found.ci95, *limits))


def possible(rows: Rows, metric: str, weights: Sequence[int] = (1, -1)) -> Interval:
    """Return the lowest and the highest value that a combination of rows' means by these weights can have."""
    most = highest(rows, metric)
    if math.isinf(most):
        return -math.inf, math.inf
    lowest = -most if len(metrics_of(metric)) > 1 else 0.0
    ends = [(weight * lowest, weight * most) for weight in weights]
    return sum(map(min, ends)), sum(map(max, ends))


def metrics_of(metric: str) -> list[str]:
    """Return the metrics of a difference of two, `one - other`, or the one metric."""
    return metric.split(" - ")


def all_have_metric(cells: Sequence[Cell], metric: str) -> bool:
    """Predicate: every cell has the metric."""
    return len(values_by_seed(cells, metric)) == len(cells)


def values_by_seed(cells: Sequence[Cell], metric: str) -> dict[int, float]:
    """Return seed -> metric as it is shown, for the cells that have it: shares in percent.

    Args:
        metric: of a result (`test/acc_last`), of an evaluation (`noise/gaussian_noise_0.1`), or a distance from the
            median of the cells (`deviation[epoch=2]/val/acc`), which is in percent, as shares are.
    """
    if distance := DEVIATION.fullmatch(metric):
        epoch, of = int(distance[1]), distance[2]
        after = {cell.seed: 100 * curve[epoch - 1] for cell in cells if epoch - 1 in (curve := cell.curve(of))}
        return {seed: abs(value - statistics.median(after.values())) for seed, value in after.items()}
    return {cell.seed: value for cell in cells if (value := shown_value(cell, metric)) is not None}


def shown_value(cell: Cell, metric: str) -> float | None:
    """Return a metric of a cell, or a difference of two, as it is shown; None if it was not measured."""
    parts = metrics_of(metric)
    if len(parts) > 1:
        one, other = (shown_value(cell, each) for each in parts)
        return None if one is None or other is None else one - other
    value = cell.value(metric)
    if value is not None:
        return value if metric in NATS else to_percent(value)
    measured = None if is_of_result(metric) else cell.evaluations.get(metric)
    return measured and (to_percent(measured.value) if measured.unit == SHARE else measured.value)


def is_of_result(metric: str) -> bool:
    """Predicate: a metric is of a cell's result, not of an evaluation."""
    return metric.partition("/")[0] in PHASES


def highest(rows: Rows, metric: str) -> float:
    """Return the highest value that a metric, or a difference of two, can have: 100 of a share, else infinity."""
    metric = metrics_of(metric)[0]
    if is_of_result(metric):
        return math.inf if metric in NATS else FULL
    found = next((each for cells in rows.values() for cell in cells if (each := cell.evaluations.get(metric))), None)
    return FULL if found is not None and found.unit == SHARE else math.inf


def to_percent(share: float) -> float:
    """Return a share in percent, rounded to remove the floating-point error of the factor."""
    return round(100 * share, 10)
