"""Robustness to a setting: the width of its range within `within` points of the value chosen on validation.

figure: {x: regularizer.keep_prob, within: 0.5}   # points; the other keys are in `line_series`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.reports import line_series
from dropgrid.reports.columns import NOTHING, format_mean_std, format_number
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Table
from dropgrid.statistics import samples
from dropgrid.statistics.plateaus import plateau_width
from dropgrid.statistics.samples import Interval, Sample

ORDER = 80
JSON = "widths"


@dataclass(frozen=True)
class Width:
    """A series' width over its seeds, in the unit of `x`, and the range that was tried."""

    series: str
    factors: Mapping[str, str]
    x: str
    within: float
    sample: Sample
    tried: Interval


def compute(table: Table) -> list[Width]:
    """Return the width of each complete series of two values or more; empty without `ablation.figure.within`.

    At seed s let aₛ(x) be the test accuracies of the series, joined by straight lines, and c the value of x with the
    highest validation accuracy, mean over seeds. The width is

        wₛ = total length of {x : aₛ(x) ≥ aₛ(c) - within}

    and the sample describes wₛ over the seeds.
    """
    figure = line_series.figure_options(table)
    if figure is None or figure.get("within") is None:
        return []
    found = []
    for block, each in line_series.each_series(table):
        xs, chosen = [x for x, _ in each.points], each.chosen
        seeds = set.intersection(*(set(row.accuracies) for _, row in each.points))
        if not each.complete or not seeds or xs[0] == xs[-1] or chosen is None:
            continue
        curves = [[row.accuracies[seed] for _, row in each.points] for seed in sorted(seeds)]
        within = float(figure["within"])
        sample = samples.describe([plateau_width(xs, curve, curve[chosen] - within) for curve in curves])
        found.append(Width(each.name, block.factors, figure["x"], figure["within"], sample, (xs[0], xs[-1])))
    return found


def to_json(each: Width) -> dict[str, Any]:
    """Return a width for table.json, unrounded."""
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
    """Return the table of widths, one series per line."""
    label = line_series.axis_label(line_series.figure_options(table) or {})
    factors = factor_keys([each.factors for each in found])
    lines = [["Series", *factors, "n", "Width", "95 % CI", "Range tried"]]
    for each in found:
        low, high = each.sample.ci95 or (None, None)
        interval = NOTHING if low is None else f"[{format_number(low, 3)}, {format_number(high, 3)}]"
        tried = f"{format_number(each.tried[1] - each.tried[0], 3)} ({each.tried[0]:g} to {each.tried[1]:g})"
        texts = [str(each.sample.n), format_mean_std(each.sample.mean, each.sample.std, 3), interval, tried]
        lines.append([each.series, *(each.factors[key] for key in factors), *texts])
    title = f"Width of {label} within {found[0].within:g} points of the value chosen on validation"
    return Section(title, lines, 1, explanation(table, label, found[0].within), below="figure_lines")


def explanation(table: Table, label: str, within: float) -> str:
    """Return how the widths are computed, and how to read them."""
    left_out = [
        f"“{each.name}”{f' ({block.label})' if block.factors else ''}"
        for block, each in line_series.each_series(table)
        if not each.complete or each.chosen is None
    ]
    return (
        f"Width: length of the range of {label} within which a series loses at most "
        f"{within:g} points of test accuracy against its value chosen on validation, seed by seed, accuracies joined "
        "by straight lines; mean ± std and Student t interval over the seeds. Widths within the same grid of values "
        "compare, others do not."
        + (f" Not computed, incomplete, flagged or without validation: {', '.join(left_out)}." if left_out else "")
    )
