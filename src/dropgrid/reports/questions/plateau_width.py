"""Robustness to a setting: how wide a range of it loses next to nothing against the best.

figure: {x: regularizer.keep_prob, within: 0.5}   # points; the other keys are in `line_series`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.reports import line_series
from dropgrid.reports.columns import NOTHING, number, plus_minus
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Table
from dropgrid.statistics import samples
from dropgrid.statistics.plateaus import plateau_width
from dropgrid.statistics.samples import Interval, Sample

ORDER = 80
JSON = "widths"


@dataclass(frozen=True)
class Width:
    """A series' width over its seeds, in the unit of `x`, out of the range of it that was tried."""

    series: str
    factors: Mapping[str, str]
    x: str
    within: float
    sample: Sample
    tried: Interval


def compute(table: Table) -> list[Width]:
    """The width of each complete series of two values or more; empty if `ablation.figure.within` is not given.

    At seed s let aₛ(x) be the accuracies of the series, joined by straight lines, and bₛ = max aₛ. The width is

        wₛ = total length of {x : aₛ(x) ≥ bₛ - within}

    and the sample describes wₛ over the seeds.
    """
    figure = line_series.asked(table)
    if figure is None or figure.get("within") is None:
        return []
    found = []
    for lines in line_series.lines(table):
        for each in lines.series:
            xs = [x for x, _ in each.points]
            seeds = set.intersection(*(set(row.accuracies) for _, row in each.points))
            if not each.complete or not seeds or xs[0] == xs[-1]:
                continue
            curves = [[row.accuracies[seed] for _, row in each.points] for seed in sorted(seeds)]
            sample = samples.describe([plateau_width(xs, curve, float(figure["within"])) for curve in curves])
            found.append(Width(each.name, lines.block.factors, figure["x"], figure["within"], sample, (xs[0], xs[-1])))
    return found


def to_json(each: Width) -> dict[str, Any]:
    """A width in table.json, unrounded."""
    return {
        "series": each.series,
        "factors": dict(each.factors),
        "x": each.x,
        "within": each.within,
        "n": each.sample.n,
        "mean": each.sample.mean,
        "std": each.sample.std,
        "ci95": each.sample.ci95,
        "range": each.tried,
    }


def section(table: Table, found: Sequence[Width]) -> Section:
    """A line a series."""
    label = line_series.label(line_series.asked(table) or {})
    factors = factor_keys([each.factors for each in found])
    lines = [["Series", *factors, "n", "Width", "95 % CI", "Range tried"]]
    for each in found:
        low, high = each.sample.ci95 or (None, None)
        interval = NOTHING if low is None else f"[{number(low, 3)}, {number(high, 3)}]"
        tried = f"{number(each.tried[1] - each.tried[0], 3)} ({each.tried[0]:g} to {each.tried[1]:g})"
        texts = [str(each.sample.n), plus_minus(each.sample.mean, each.sample.std, 3), interval, tried]
        lines.append([each.series, *(each.factors[key] for key in factors), *texts])
    title = f"Width of {label} within {found[0].within:g} points of the best"
    return Section(title, lines, 1, explanation(table, label, found[0].within), below="figure_lines")


def explanation(table: Table, label: str, within: float) -> str:
    """How the widths are computed, and what to make of them."""
    left_out = [
        f"“{each.name}”{f' ({lines.block.label})' if lines.block.factors else ''}"
        for lines in line_series.lines(table)
        for each in lines.series
        if not each.complete
    ]
    return (
        f"Width: length of the range of {label} within which a series loses at most "
        f"{within:g} points against its own best value, seed by seed, accuracies joined by straight lines; "
        "mean ± std and Student t interval over the seeds. The best value is picked on the same test images and at "
        "the same seed: that favours no series over another, but the noisier a series, the higher its best stands out "
        "and the narrower its range comes out. Widths within the same grid of values compare, others do not."
        + (f" Not computed, incomplete or flagged: {', '.join(left_out)}." if left_out else "")
    )
