"""Robustness to a setting: how wide a range of it loses next to nothing against the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.reports import line_series
from dropgrid.reports.columns import NOTHING, number, plus_minus
from dropgrid.reports.table import Table
from dropgrid.statistics import samples
from dropgrid.statistics.samples import Interval, Sample


@dataclass(frozen=True)
class Width:
    """A series' width over its seeds, in the unit of x, out of the range of x that was tried."""

    line_series: str
    factors: Mapping[str, str]
    sample: Sample
    whole: Interval


def widths(table: Table) -> list[Width]:
    """The width of each complete series of two values or more; empty where `ablation.figure.within` is not given.

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
            values = [width(xs, curve, float(figure["within"])) for curve in curves]
            found.append(Width(each.name, lines.block.factors, samples.describe(values), (xs[0], xs[-1])))
    return found


def width(xs: Sequence[float], ys: Sequence[float], within: float) -> float:
    """Total length of {x : y(x) ≥ max y - within}, y the straight lines through the points, xs ascending."""
    threshold = max(ys) - within
    total = 0.0
    for left, right, one, other in zip(xs, xs[1:], ys, ys[1:], strict=False):
        low, high = sorted((one - threshold, other - threshold))
        share = 1.0 if low >= 0 else 0.0 if high < 0 else high / (high - low)
        total += share * (right - left)
    return total


def title(table: Table) -> str:
    """What the table of widths is called."""
    figure = line_series.asked(table) or {}
    return f"Width of {line_series.label(figure)} within {figure['within']:g} points of the best"


def rows(table: Table) -> list[list[str]]:
    """The table of widths as people read it, headings first."""
    found = widths(table)
    factors = list(dict.fromkeys(key for each in found for key in each.factors))
    lines = [["Series", *factors, "n", "Width", "95 % CI", "Range tried"]]
    for each in found:
        low, high = each.sample.ci95 or (None, None)
        interval = NOTHING if low is None else f"[{number(low, 3)}, {number(high, 3)}]"
        whole = f"{number(each.whole[1] - each.whole[0], 3)} ({each.whole[0]:g} to {each.whole[1]:g})"
        cells = [str(each.sample.n), plus_minus(each.sample.mean, each.sample.std, 3), interval, whole]
        lines.append([each.series, *(each.factors[key] for key in factors), *cells])
    return lines


def note(table: Table) -> str:
    """How the widths are computed, and what to make of them."""
    figure = line_series.asked(table) or {}
    left_out = [
        f"“{each.name}”{f' ({lines.block.label})' if lines.block.factors else ''}"
        for lines in line_series.lines(table)
        for each in lines.series
        if not each.complete
    ]
    return (
        f"Width: length of the range of {line_series.label(figure)} within which a series loses at most "
        f"{figure['within']:g} points against its own best value, seed by seed, accuracies joined by straight lines; "
        "mean ± std and Student t interval over the seeds. The best value is picked on the same test images and at "
        "the same seed: that favours no series over another, but the noisier a series, the higher its best stands out "
        "and the narrower its range comes out. Widths within the same grid of values compare, others do not."
        + (f" Not computed, incomplete or flagged: {', '.join(left_out)}." if left_out else "")
    )


def as_json(table: Table) -> list[dict[str, Any]]:
    """The widths for table.json, unrounded."""
    figure = line_series.asked(table) or {}
    return [
        {
            "series": each.series,
            "factors": dict(each.factors),
            "x": figure["x"],
            "within": figure["within"],
            "n": each.sample.n,
            "mean": each.sample.mean,
            "std": each.sample.std,
            "ci95": each.sample.ci95,
            "range": each.whole,
        }
        for each in widths(table)
    ]
