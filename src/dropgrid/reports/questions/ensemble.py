"""Ensembles of a row's cells, from their predictions: the gain from averaging K of them, as `ablation.ensemble` asks.

ensemble: [1, 2, 5, 10]   # or true: 1 to the number of cells of a row
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform

from dropgrid.errors import UserError
from dropgrid.plotting.layout import Panel, assemble_figure, panel_rows
from dropgrid.plotting.series import count_range, moved_aside
from dropgrid.plotting.style import axes_size, look
from dropgrid.plotting.value_axes import points_aside, value_limits, value_ticks
from dropgrid.reports.columns import format_mean_std, format_number
from dropgrid.reports.predictions import WEIGHTS, read_predictions
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Table
from dropgrid.statistics.ensembles import BRIER, ERROR, MOST, NLL, Score, score_ensembles, summarize_scores
from dropgrid.store.cell import Cell

ORDER = 40
JSON = "ensembles"
CAPTION = "Error and NLL of the mean prediction of K cells"

HEIGHT = 3.1
"""Height of a panel, in inches."""

PANELS = (("error", "Test error, %"), ("nll", "NLL, nats"))


@dataclass(frozen=True)
class Ensemble:
    """A row's ensembles of `k` of its `n` cells, over `subsets` of the `total` subsets.

    `error` in percent, `nll` in nats, `brier` from 0 to 2; `above` is the share of the subsets whose error is above the
    mean of their members'.
    """

    row: str
    factors: Mapping[str, str]
    n: int
    planned: int
    k: int
    subsets: int
    total: int
    error: Score
    nll: Score
    brier: Score
    above: float


EnsemblesByRow = Mapping[str, Sequence[Ensemble]]
"""row -> its ensembles by K."""


def check(asked: Any, rows: Mapping[str, Any]) -> None:
    """Raise UserError if `ablation.ensemble` is neither true nor a list of sizes."""
    if asked is None or isinstance(asked, bool):
        return
    sizes = asked if isinstance(asked, Sequence) and not isinstance(asked, str) else []
    if not sizes or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in sizes):
        raise UserError(
            f"ablation.ensemble is true or a list of sizes such as [1, 2, 5], each 1 or more, got {asked!r}"
        )


def compute(table: Table) -> list[Ensemble]:
    """Return every row's ensembles, of the finished cells that have predictions; empty if none are requested.

    A row whose cells were tested on different images has none; sizes above a row's number of cells are left out.
    """
    ablation = table.ablation
    asked = ablation.about.get("ensemble")
    check(asked, {})
    found: list[Ensemble] = []
    if not asked:
        return found
    for block in ablation.blocks:
        for row, cells in block.rows.items():
            logits, targets = stack_logits(cells, WEIGHTS.get(ablation.metric, "last"))
            sizes = [k for k in range(1, len(logits) + 1) if asked is True or k in asked]
            if sizes:
                for k, subsets, values in score_ensembles(logits, targets, sizes):
                    found.append(make_ensemble(row, block.factors, len(logits), len(cells), k, subsets, values))
    return found


def stack_logits(cells: Sequence[Cell], weights: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Return logits (E, C) of each finished cell that has predictions, by seed, and targets (E,)."""
    done = [read_predictions(cell, weights) for cell in sorted(cells, key=lambda cell: cell.seed) if cell.result]
    there = [each for each in done if each is not None]
    if not there or any(not np.array_equal(targets, there[0][1]) for _, targets in there):
        return [], np.zeros(0, int)
    return [logits for logits, _ in there], there[0][1]


def make_ensemble(
    row: str,
    factors: Mapping[str, str],
    n: int,
    planned: int,
    k: int,
    chosen: Sequence[Sequence[int]],
    values: np.ndarray,
) -> Ensemble:
    """Return one size's scores over its subsets."""
    error, nll, brier = (summarize_scores(values[:, 0, which], values[:, 1, which]) for which in (ERROR, NLL, BRIER))
    # a millionth of a percent: less than an image, more than rounding
    above = float((values[:, 0, ERROR] > values[:, 1, ERROR] + 1e-6).mean())
    return Ensemble(row, factors, n, planned, k, len(chosen), math.comb(n, k), error, nll, brier, above)


def from_json(value: Mapping[str, Any]) -> Ensemble:
    """Return an ensemble of table.json; the logits behind it are not published."""
    scores = {name: Score(**value[name]) for name in ("error", "nll", "brier")}
    return Ensemble(**{**value, **scores})


def note(table: Table, found: Sequence[Ensemble]) -> list[str]:
    """Return why there are no ensembles, if they were requested."""
    if found or not table.ablation.about.get("ensemble"):
        return []
    return ["No ensembles: they need as many finished cells as asked for, with predictions of the same images."]


def section(table: Table, found: Sequence[Ensemble]) -> Section:
    """Return the table of scores by K and row."""
    factors = factor_keys([each.factors for each in found])
    scores = ["Error, %", "its members’", "NLL, nats", "its members’", "Brier", "its members’"]
    lines = [["Row", *factors, "Cells", "K", "Subsets", *scores, "Error above its members’"]]
    for each in found:
        texts = [
            text
            for own, decimals in ((each.error, 2), (each.nll, 3), (each.brier, 3))
            for text in (format_mean_std(own.mean, own.std, decimals), format_number(own.members, decimals))
        ]
        where = [each.factors.get(key, "") for key in factors]
        counts = [str(each.n) if each.n == each.planned else f"{each.n}/{each.planned}", str(each.k)]
        lines.append([each.row, *where, *counts, subset_count(each), *texts, f"{100 * each.above:.0f} %"])
    return Section("Ensembles", lines, 1 + len(factors), explanation(table, found))


def subset_count(found: Ensemble) -> str:
    """Return the number of subsets, and of how many if not all."""
    return str(found.subsets) if found.subsets == found.total else f"{found.subsets} of {found.total}"


def explanation(table: Table, found: Sequence[Ensemble]) -> str:
    """Return what the numbers are, what their spread is not, and what is missing."""
    parts = [
        "The softmax probabilities of K of a row's cells are averaged, on the test images; mean ± standard deviation "
        f"over all subsets of K cells, or {MOST} of them at random. Subsets share cells: they are not independent, "
        "their spread shrinks to nothing at K = all cells by construction, and it is no confidence interval. Members’: "
        "the mean over the single cells of the same subsets. NLL and Brier score of an ensemble are never above it "
        "(Jensen); the error may be: the last column says in how many of the subsets."
    ]
    lacking = [
        f"“{name}”{f' ({block.label})' if block.factors else ''}"
        for block, _ in table.blocks
        for name in block.rows
        if not any(each.row == name and each.factors == block.factors for each in found)
    ]
    if lacking:
        parts.append(
            f"No ensemble, for want of cells or of their predictions of the same images: {', '.join(lacking)}."
        )
    asked = table.ablation.about.get("ensemble")
    large = [str(k) for k in asked if k > max(each.n for each in found)] if isinstance(asked, list) else []
    if large:
        parts.append(f"More than there are cells of a row: K = {', '.join(large)}.")
    return " ".join(parts)


def figure(table: Table, found: Sequence[Ensemble]) -> Figure:
    """Draw means over the subsets of K cells, with bars ± their standard deviation."""
    blocks = []
    for block, _ in table.blocks:
        own = [each for each in found if each.factors == block.factors]
        by_row = {row: [each for each in own if each.row == row] for row in dict.fromkeys(each.row for each in own)}
        if by_row:
            blocks.append((block, by_row))
    names = list(dict.fromkeys(row for _, rows in blocks for row in rows))
    sections = [panel_rows(panels_of(rows, names), HEIGHT, label=block.label) for block, rows in blocks]
    title = "Ensembles: the mean prediction of K cells of a row"
    return assemble_figure(title, sections, caption_of(found), names)


def panels_of(rows: EnsemblesByRow, names: Sequence[str]) -> list[Panel]:
    """Return the panels of a block: error, and NLL."""
    return [
        Panel("", "K, cells averaged", up, partial(draw_panel, rows=rows, which=which, names=names))
        for which, up in PANELS
    ]


def draw_panel(axes: Axes, rows: EnsemblesByRow, which: str, names: Sequence[str]) -> None:
    """Draw a panel's lines; the marks of all rows at one K take at most half of the room to the next."""
    sizes = sorted({each.k for row in rows.values() for each in row})
    wide, _ = axes_size(axes)
    value_ticks(axes, sizes, wide)
    apart = points_aside(axes, sizes, len(rows), wide)
    for index, (row, each) in enumerate(rows.items()):
        moved = moved_aside(axes, index, len(rows), apart)
        points = [(one.k, getattr(one, which), one.n == one.planned) for one in each]
        draw_row(axes, points, names.index(row), moved)
    scores = [getattr(one, which) for each in rows.values() for one in each]
    axes.set_ylim(*value_limits([(each.mean, each.members) for each in scores], [spread_of(each) for each in scores]))
    axes.locator_params(axis="y", nbins=7)


def draw_row(axes: Axes, points: Sequence[tuple[int, Score, bool]], index: int, moved: Transform) -> None:
    """Draw one row: its means joined, its spreads, and dotted its members' mean score."""
    colour, marker, dash = look(index)
    sizes, found = [k for k, *_ in points], [score for _, score, _ in points]
    given: dict[str, Any] = {"color": colour, "transform": moved}
    axes.plot(sizes, [each.members for each in found], linestyle=(0, (1, 2)), linewidth=1.0, zorder=2, **given)
    axes.plot(sizes, [each.mean for each in found], linestyle=dash, linewidth=1.7, zorder=3, **given)
    for k, each, complete in points:
        if (ends := spread_of(each)) is not None:
            axes.plot((k, k), ends, linewidth=1.3, alpha=0.75, zorder=3, **given)
        face, edge = (colour, "white") if complete else ("white", colour)
        axes.plot(k, each.mean, marker, markersize=6.5, mfc=face, mec=edge, mew=0.8, transform=moved, zorder=4)


def spread_of(score: Score) -> tuple[float, float] | None:
    """Return mean ± standard deviation over subsets; None for one subset."""
    return None if score.std is None else (score.mean - score.std, score.mean + score.std)


def caption_of(found: Sequence[Ensemble]) -> str:
    """Return the caption: what the marks are, and what the bars are not."""
    n = count_range([each.n for each in found])
    some = f", or {MOST} of them at random" if any(each.subsets < each.total for each in found) else ""
    missing = " Open mark: cells are missing." if any(each.n < each.planned for each in found) else ""
    return (
        f"Softmax probabilities averaged over K of a row's n = {n} cells, on the test images: mean over all subsets of "
        f"K cells{some}. Bars: ± one standard deviation over these subsets. They share cells, so they are not "
        "independent: the bars shrink to nothing at K = n by construction and are no confidence intervals. Dotted: the "
        "mean score of the members, which the NLL of an ensemble never exceeds; its error may. Marks at one K stand a "
        f"little aside of one another.{missing}"
    )
