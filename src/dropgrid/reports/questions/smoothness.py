"""How much loss and gradient change along the gradient, over training, where cells recorded `diagnose=gradient`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dropgrid.measure.snapshots import Moment, read
from dropgrid.reports.section import Section, factor_keys, with_interval
from dropgrid.reports.table import Table
from dropgrid.statistics.samples import Interval, Sample, describe, paired_ratio
from dropgrid.store.cell import Cell

ORDER = 70

DIAGNOSTIC = "gradient"

MEASURES: Mapping[str, Callable[[Moment], float]] = {
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
    """A row's `measure`: over its `n` cells each one's median over training; and how many times the baseline's.

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
    """The measures of every row that has finished cells which recorded it, measure by measure."""
    ablation = table.ablation
    found = []
    for block in ablation.blocks:
        recorded = {row: {c.seed: own for c in cells if (own := moments(c))} for row, cells in block.rows.items()}
        for measure in MEASURES:
            values = {
                row: {seed: value for seed, own in cells.items() if (value := median(own, measure)) > 0}
                for row, cells in recorded.items()
            }
            for row, medians in values.items():
                if medians:
                    baseline = row == ablation.baseline
                    ratio = (None, None) if baseline else paired_ratio(medians, values[ablation.baseline])
                    sample = describe([*medians.values()])
                    found.append(Smoothness(row, block.factors, measure, len(medians), sample, *ratio))
    return found


def moments(cell: Cell) -> list[Moment]:
    """The moments of a finished cell but for its last: a network that has learned everything has no gradient there."""
    return read(cell.run.diagnosis).get(DIAGNOSTIC, [])[:-1] if cell.status == "finished" else []


def median(own: list[Moment], measure: str) -> float:
    """Over training, of the moments where it is finite; 0 where it never is."""
    values = [value for each in own if np.isfinite(value := MEASURES[measure](each))]
    return float(np.median(values)) if values else 0.0


def section(table: Table, found: Sequence[Smoothness]) -> Section:
    """A line a row and measure."""
    factors = factor_keys([each.factors for each in found])
    lines = [["Measure", "Row", *factors, "n", "Mean ± SD", "Of the baseline’s, × [95 % CI]"]]
    for each in found:
        where = [each.factors.get(key, "") for key in factors]
        spread = "" if each.value.std is None else f" ± {each.value.std:.3g}"
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else with_interval(each.ratio, each.ci95)
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
