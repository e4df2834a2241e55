"""Statistics of a row over its seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dropgrid.reports.comparisons import FULL, NATS, to_percent, values_by_seed
from dropgrid.statistics import samples
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell
from dropgrid.tasks.description import PERCENT


def decimals_of(ablation: Ablation, block: Block) -> int:
    """Return the decimals of the headline: 2 of a share, else as many as its smallest spread needs for two digits."""
    if ablation.task.unit == PERCENT:
        return 2
    spreads = [
        samples.describe([*values_by_seed(cells, ablation.metric).values()]).std for cells in block.rows.values()
    ]
    known = [each for each in spreads if each is not None and each > samples.ROUNDING]
    return min(9, max(0, 1 - math.floor(math.log10(min(known))))) if known else 2


def sample_of_seeds(values: Mapping[int, float], complete: bool, most: float = FULL) -> samples.Sample:
    """Return statistics over the seeds; no interval while some are missing, which may not be at random.

    `most` is the highest possible value, of a share; infinity if there is none.
    """
    found = samples.describe([values[seed] for seed in sorted(values)])
    ends = found.ci95 and (samples.clip_interval(found.ci95, 0.0, most) if most < math.inf else found.ci95)
    return samples.Sample(found.n, found.mean, found.std, ends if complete else None)


def metric_sample(cells: Sequence[Cell], metric: str, whole: bool) -> samples.Sample:
    """Return statistics of another metric than the headline."""
    values = values_by_seed(cells, metric)
    if metric not in NATS:
        return sample_of_seeds(values, whole)
    found = samples.describe([*values.values()])
    return found if whole else replace(found, ci95=None)


def metric_means(cells: Sequence[Cell]) -> dict[str, float | None]:
    """Return each metric's mean over the seeds that have it; shares in percent."""
    names = dict.fromkeys(name for cell in cells for name in cell.found("metrics"))
    found = {name: mean_of_known([cell.value(name) for cell in cells]) for name in names}
    return {name: value if value is None or name in NATS else to_percent(value) for name, value in found.items()}


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None."""
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None
