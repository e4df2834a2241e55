"""Smoothness: how much loss and gradient change along the gradient, for cells that recorded `diagnose=gradient`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dropgrid.measure.snapshots import Snapshot, read_snapshots
from dropgrid.reports.section import Section, factor_keys, format_with_interval
from dropgrid.reports.table import Table
from dropgrid.statistics.samples import Interval, Sample, describe, geometric_ratio
from dropgrid.store.cell import Cell

ORDER = 70

DIAGNOSTIC = "gradient"

MEASURES: Mapping[str, Callable[[Snapshot], float]] = {
    "range": lambda moment: float(np.ptp(moment.arrays["loss"])),
    "change": lambda moment: float(moment.arrays["change"].max()),
    "smoothness": lambda moment: float(moment.arrays["smoothness"].max()),
}
"""Over a moment's steps η: highest loss less lowest; highest ‖g(w) - g(w - ηg)‖; highest of that over η ‖g‖."""

NAMES = {
    "range": "Range of the loss, nats",
    "change": "Gradient predictiveness",
    "smoothness": "Effective β-smoothness",
}


@dataclass(frozen=True)
class Smoothness:
    """A row's `measure`: the median over training of each of its `n` cells, and its ratio to the baseline's.

    `ratio` is a geometric mean over seeds, with its 95 % interval; None for the baseline.
    """

    row: str
    factors: Mapping[str, str]
    measure: str
    n: int
    value: Sample
    ratio: float | None
    ci95: Interval | None


def compute(table: Table) -> list[Smoothness]:
    """Return the measures of every row whose finished cells recorded them, measure by measure."""
    ablation = table.ablation
    found = []
    for block in ablation.blocks:
        recorded = {
            row: {c.seed: own for c in cells if (own := recorded_moments(c))} for row, cells in block.rows.items()
        }
        for measure in MEASURES:
            values = {
                row: {seed: value for seed, own in cells.items() if (value := median_over_training(own, measure)) > 0}
                for row, cells in recorded.items()
            }
            for row, medians in values.items():
                if medians:
                    baseline = row == ablation.baseline
                    ratio = (None, None) if baseline else geometric_ratio(medians, values[ablation.baseline])
                    sample = describe([*medians.values()])
                    found.append(Smoothness(row, block.factors, measure, len(medians), sample, *ratio))
    return found


def recorded_moments(cell: Cell) -> list[Snapshot]:
    """Return a finished cell's snapshots except the last: a network that has fit the data has almost no gradient."""
    return read_snapshots(cell.run.diagnosis).get(DIAGNOSTIC, [])[:-1] if cell.status == "finished" else []


def median_over_training(own: list[Snapshot], measure: str) -> float:
    """Return the median over the snapshots where a measure is finite; 0 if it never is."""
    values = [value for each in own if np.isfinite(value := MEASURES[measure](each))]
    return float(np.median(values)) if values else 0.0


def from_json(value: Mapping[str, Any]) -> Smoothness:
    """Return a measure of table.json; the recorded arrays are not published."""
    return Smoothness(**{**value, "value": Sample(**value["value"])})


def section(table: Table, found: Sequence[Smoothness]) -> Section:
    """Return the table, one row and measure per line."""
    factors = factor_keys([each.factors for each in found])
    lines = [["Measure", "Row", *factors, "n", "Mean ± SD", "Of the baseline’s, × [95 % CI]"]]
    for each in found:
        where = [each.factors.get(key, "") for key in factors]
        spread = "" if each.value.std is None else f" ± {each.value.std:.3g}"
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else format_with_interval(each.ratio, each.ci95)
        lines.append([NAMES[each.measure], each.row, *where, str(each.n), f"{each.value.mean:.3g}{spread}", ratio])
    return Section(
        "Along the gradient",
        lines,
        2 + len(factors),
        "Along w - ηg from each recorded moment, over its steps η: highest loss less lowest, highest change of the "
        "gradient ‖g(w) - g(w - ηg)‖, and highest change per distance. Of each cell the median over training; mean ± "
        "standard deviation over cells; the ratio to the baseline is a geometric mean over seeds, its interval "
        "Student’s of the logarithms, one comparison at a time.",
    )
