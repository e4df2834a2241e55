"""Contrasts that an ablation asks for: linear combinations of its rows, seed by seed.

contrasts: {interaction: (both - batchnorm) - (dropout - none)}
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.errors import UserError
from dropgrid.plotting.interval_rows import (
    draw_bands,
    draw_mean,
    draw_number,
    draw_seeds,
    draw_simultaneous,
    numbers_width,
)
from dropgrid.plotting.layout import FigureSection, assemble_figure
from dropgrid.plotting.series import count_range
from dropgrid.plotting.style import GREY, INK, MARGIN, VERDICTS, WIDTH, place
from dropgrid.plotting.text import NAME, text_height, text_width, wrap, write_text
from dropgrid.plotting.value_axes import value_limits
from dropgrid.reports.columns import NOTHING, interval, number, signed
from dropgrid.reports.comparisons import combinations_judged, complete, percents
from dropgrid.reports.linear_combinations import Weights, weights
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Table
from dropgrid.statistics.combinations import combine
from dropgrid.statistics.dunnett import Comparison
from dropgrid.statistics.samples import Difference, Interval, paired, verdict
from dropgrid.store.ablation import Ablation, Block

ORDER = 30
CAPTION = "Contrasts of rows, computed seed by seed"

HEADING, AXIS, LEAST, NAMES = 0.26, 0.44, 0.5, (2.0, 4.0)
"""Inches: the heading of a panel, its axis with the air below, a contrast at least, names at least and at most."""

FORMULA = 7.5
"""Points of a formula's letters."""


@dataclass(frozen=True)
class Contrast:
    """A contrast in a block: its values by seed in points, their statistics, and its part of the family.

    `comparison` judges all contrasts of the block at once; intervals are None where `withheld` says why.
    """

    name: str
    formula: str
    weights: Weights
    factors: Mapping[str, str]
    values: Mapping[int, float]
    difference: Difference
    comparison: Comparison | None
    withheld: str | None


def parse(asked: Any, rows: Sequence[str] | Mapping[str, Any]) -> dict[str, tuple[str, Weights]]:
    """Name -> (formula, weights) of `ablation.contrasts`; UserError names one that is no contrast of the rows."""
    if not isinstance(asked, Mapping):
        raise UserError(f"ablation.contrasts maps names to formulas such as 'dropout - baseline', got {asked!r}")
    return {
        str(name): (str(formula), weights(str(formula), rows, f"contrast {str(name)!r}, {str(formula)!r}"))
        for name, formula in asked.items()
    }


def check(asked: Any, rows: Mapping[str, Any]) -> None:
    """Raise UserError if `ablation.contrasts` has what is no contrast of the rows."""
    if asked:
        parse(asked, rows)


def compute(table: Table) -> list[Contrast]:
    """Every contrast in every block; empty if none is asked for."""
    ablation = table.ablation
    asked = ablation.about.get("contrasts")
    return [each for block in ablation.blocks for each in block_contrasts(ablation, block, asked)] if asked else []


def block_contrasts(ablation: Ablation, block: Block, asked: Any) -> list[Contrast]:
    """The contrasts of one block; all that are asked for count as its family, whatever cells are there."""
    stated = parse(asked, block.rows)
    whole = {name: cells for name, cells in block.rows.items() if complete(cells, ablation.metric)}
    ready = {name: each for name, (_, each) in stated.items() if all(row in whole for row, _ in each)}
    judged = combinations_judged(whole, ablation.metric, list(ready.values()), 1 - ablation.alpha, len(stated))
    compared = dict(zip(ready, judged, strict=True))
    found = []
    for name, (formula, each) in stated.items():
        values = combine({row: percents(block.rows[row], ablation.metric) for row, _ in each}, each)
        difference = paired(values, dict.fromkeys(values, 0.0))
        why = "incomplete" if name not in ready else "fewer than 2 shared seeds" if difference.n < 2 else None
        if why:
            difference = replace(difference, ci95=None, p_value=None)
        found.append(Contrast(name, formula, each, block.factors, values, difference, compared.get(name), why))
    return found


def to_json(contrast: Contrast) -> dict[str, Any]:
    """A contrast in table.json: points, unrounded."""
    return {
        "contrast": contrast.name,
        "formula": contrast.formula,
        "weights": dict(contrast.weights),
        "factors": dict(contrast.factors),
        "n": contrast.difference.n,
        "values": {str(seed): value for seed, value in contrast.values.items()},
        "mean": contrast.difference.mean,
        "std": contrast.difference.std,
        "ci95": contrast.difference.ci95,
        "p_value": contrast.difference.p_value,
        "simultaneous": contrast.comparison and asdict(contrast.comparison),
        "withheld": contrast.withheld,
    }


def section(table: Table, found: Sequence[Contrast]) -> Section:
    """The contrasts, block by block."""
    factors = factor_keys([each.factors for each in found])
    head = ["Contrast", "Formula", *factors, "n", "Estimate, points [95 % CI]", "Simultaneous [95 % CI]", "p"]
    lines = [head]
    for each in found:
        texts = [estimate(each), interval(each.comparison.ci95) if each.comparison else NOTHING, p_value(each)]
        where = [each.factors.get(key, "") for key in factors]
        lines.append([each.name, each.formula, *where, str(each.difference.n), *texts])
    return Section("Contrasts", lines, 2 + len(factors), explanation(table, found), brief=True)


def estimate(contrast: Contrast) -> str:
    """The mean and its interval, or why there is none."""
    mean, ci95 = contrast.difference.mean, contrast.difference.ci95
    if mean is None:
        return f"({contrast.withheld})"
    return f"{signed(mean)} {interval(ci95) if ci95 else f'({contrast.withheld})'}"


def p_value(contrast: Contrast) -> str:
    """p of "it is 0", with three decimals."""
    found = contrast.difference.p_value
    return "< 0.001" if found is not None and found < 0.001 else number(found, 3)


def explanation(table: Table, found: Sequence[Contrast]) -> str:
    """What the numbers are and what they cover."""
    family = len({each.name for each in found})
    known = [each.comparison for each in found if each.comparison]
    covers = (
        "training and the choice of test images"
        if any(each.examples is not None for each in known)
        else "training alone, on these test images"
    )
    together = (
        "this contrast" if family == 1 else f"the {family} contrasts" + (" of a block" if len(table.blocks) > 1 else "")
    )
    level = 100 * (1 - table.ablation.alpha)
    return (
        "Each contrast is computed seed by seed, over the seeds that all its rows have; its interval and p (that it is "
        "0) are Student's, for this one contrast, and cover the randomness of training alone. Simultaneous: Šidák's "
        f"intervals, which hold for {together} together with {level:.4g} %, and cover {covers}."
    ) + (
        " Intervals wait until all rows of a contrast are complete."
        if any(each.withheld == "incomplete" for each in found)
        else ""
    )


def figure(table: Table, found: Sequence[Contrast]) -> Figure | None:
    """A line a contrast: seeds as dots, the mean with its 95 % interval, that of all at once thin. None without any."""
    blocks = [(block, [each for each in found if each.factors == block.factors]) for block, _ in table.blocks]
    blocks = [(block, own) for block, own in blocks if any(each.values for each in own)]
    if not blocks:
        return None
    shown = [each for _, own in blocks for each in own]
    intervals = [each.difference.ci95 for each in shown]
    intervals += [each.comparison.ci95 for each in shown if each.comparison]
    limit = value_limits([each.values.values() for each in shown], intervals, around=0)
    longest = max(max(text_width(each.name, NAME), text_width(each.formula, FORMULA)) for each in shown)
    names = min(max(NAMES[0], longest + 0.05), NAMES[1])
    numbers = numbers_width([estimate(each) for each in shown])
    deep = max(LEAST, *(sum(heights(labels(each, names))) + 0.12 for each in shown))
    sections = [contrast_rows(block.label, own, limit, (names, numbers, deep)) for block, own in blocks]
    return assemble_figure(table.question, sections, caption_of(table, shown))


def contrast_rows(
    label: str, found: Sequence[Contrast], limit: Interval, inches: tuple[float, float, float]
) -> FigureSection:
    """A block's contrasts below one another; `inches`: names at the left, numbers at the right, a contrast."""
    names, numbers, deep = inches
    left = MARGIN + names + 0.2
    body = deep * len(found)

    def paint(drawn: Figure, top: float) -> None:
        write_text(drawn, left, top, "Contrast, points", fontsize=NAME, fontweight="bold")
        axes = place(drawn, left, top + HEADING, WIDTH - MARGIN - numbers - left, body)
        draw_bands(axes, len(found), limit)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for position, each in enumerate(found):
            draw_contrast(axes, position, each)
            name, formula = labels(each, names)
            upper = top + HEADING + deep * (position + 0.5) - sum(heights((name, formula))) / 2
            write_text(drawn, MARGIN, upper, name, fontsize=NAME)
            write_text(drawn, MARGIN, upper + heights((name, formula))[0], formula, fontsize=FORMULA, color=GREY)

    return FigureSection(label, HEADING + body + AXIS, paint)


def heights(texts: tuple[str, str]) -> tuple[float, float]:
    """Inches of a name and of a formula in lines."""
    return text_height(texts[0], NAME), text_height(texts[1], FORMULA)


def labels(contrast: Contrast, wide: float) -> tuple[str, str]:
    """Name and formula in lines; a formula is broken at its signs."""
    kept = re.sub(r"(?<![-+]) (?![-+])", "\N{NO-BREAK SPACE}", contrast.formula)
    return wrap(contrast.name, wide, NAME), wrap(kept, wide, FORMULA)


def draw_contrast(axes: Axes, position: int, contrast: Contrast) -> None:
    """One contrast, and in numbers at the right; hollow without an interval."""
    judged = contrast.comparison
    look = VERDICTS[verdict(judged.ci95) if judged else None]
    draw_seeds(axes, position, list(contrast.values.values()), look[0])
    if contrast.difference.mean is not None:
        draw_mean(axes, position, contrast.difference.mean, contrast.difference.ci95, look)
    if judged is not None:
        draw_simultaneous(axes, position, judged.ci95, look[0])
    draw_number(axes, position, estimate(contrast), look[0])


def caption_of(table: Table, shown: Sequence[Contrast]) -> str:
    """The caption: what the marks are and what the intervals cover."""
    n = count_range([each.difference.n for each in shown])
    known = [each.comparison for each in shown if each.comparison]
    if not known:
        return f"Dots: single seeds (n = {n}). ○ no interval: rows are incomplete, or of one seed."
    family = len({each.name for each in shown})
    together = f"the {family} contrasts{' of a block' if len(table.blocks) > 1 else ''} at once" if family > 1 else "it"
    level = f"{100 * (1 - table.ablation.alpha):.4g} %"
    covered = ", which covers the choice of test images too" if any(each.examples is not None for each in known) else ""
    return (
        f"Dots: single seeds (n = {n}). Bars and numbers: mean and its 95 % interval (Student t), seed by seed, which "
        "cover the randomness of training alone. Thin lines: "
        f"the {level} interval for {together} (Šidák){covered}; "
        "▲ ▼ it lies above or below 0, ● it does not, ○ no interval."
    )
