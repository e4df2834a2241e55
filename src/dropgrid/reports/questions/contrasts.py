"""Contrasts: linear combinations of an ablation's rows, seed by seed, as `ablation.contrasts` lists them.

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
from dropgrid.plotting.style import GREY, INK, MARGIN, VERDICTS, WIDTH, place_axes
from dropgrid.plotting.text import NAME, text_height, text_width, wrap, write_text
from dropgrid.plotting.value_axes import value_limits
from dropgrid.reports.columns import NOTHING, format_interval, format_number, format_signed
from dropgrid.reports.comparisons import (
    all_have_metric,
    alpha_of,
    clip_difference,
    compare_row_combinations,
    possible,
    values_by_seed,
)
from dropgrid.reports.linear_combinations import Weights, parse_weights
from dropgrid.reports.section import Section, factor_keys
from dropgrid.reports.table import Table
from dropgrid.reports.trained import all_trained
from dropgrid.statistics.combinations import combine_rows
from dropgrid.statistics.samples import EQUAL, Difference, Interval, difference_verdict, paired_difference
from dropgrid.statistics.simultaneous import Comparison
from dropgrid.store.ablation import Ablation, Block

ORDER = 30
CAPTION = "Contrasts of rows, computed seed by seed"

HEADING, AXIS, LEAST, NAMES = 0.26, 0.44, 0.5, (2.0, 4.0)
"""Inches: heading of a panel, its axis with the space below, least height of a contrast, range of the names' width."""

FORMULA = 7.5
"""Font size of a formula, in points."""


@dataclass(frozen=True)
class Contrast:
    """A contrast in a block: its values by seed in points, their statistics, and the comparison within its family.

    `comparison` is simultaneous over all contrasts of the block; intervals are None if `withheld` gives a reason.
    `margin` is that of the ablation's verdicts.
    """

    name: str
    formula: str
    weights: Weights
    factors: Mapping[str, str]
    values: Mapping[int, float]
    difference: Difference
    comparison: Comparison | None
    withheld: str | None
    margin: float | None

    @property
    def verdict(self) -> str | None:
        """The verdict against 0: above, below, equal or open; None without a comparison."""
        found = self.comparison
        return difference_verdict(found.ci95, found.inner, self.margin) if found else None


def parse(asked: Any, rows: Sequence[str] | Mapping[str, Any]) -> dict[str, tuple[str, Weights]]:
    """Return name -> (formula, weights) of `ablation.contrasts`; UserError names one that is no contrast of rows."""
    if not isinstance(asked, Mapping):
        raise UserError(f"ablation.contrasts maps names to formulas such as 'dropout - baseline', got {asked!r}")
    return {
        str(name): (str(formula), parse_weights(str(formula), rows, f"contrast {str(name)!r}, {str(formula)!r}"))
        for name, formula in asked.items()
    }


def check(asked: Any, rows: Mapping[str, Any]) -> None:
    """Raise UserError if an entry of `ablation.contrasts` is no contrast of the rows."""
    if asked:
        parse(asked, rows)


def compute(table: Table) -> list[Contrast]:
    """Return every contrast in every block; empty if none is requested."""
    ablation = table.ablation
    asked = ablation.about.get("contrasts")
    return [each for block in ablation.blocks for each in block_contrasts(ablation, block, asked)] if asked else []


def block_contrasts(ablation: Ablation, block: Block, asked: Any) -> list[Contrast]:
    """Return the contrasts of one block; the family is all requested ones, whichever cells are finished."""
    stated = parse(asked, block.rows)
    whole = {name: cells for name, cells in block.rows.items() if all_have_metric(cells, ablation.metric)}
    trained = {name: cells for name, cells in whole.items() if all_trained(ablation, cells)}
    ready = {name: each for name, (_, each) in stated.items() if all(row in trained for row, _ in each)}
    judged = compare_row_combinations(trained, ablation.metric, list(ready.values()), alpha_of(ablation), len(stated))
    compared = dict(zip(ready, judged, strict=True))
    found = []
    for name, (formula, each) in stated.items():
        values = combine_rows({row: values_by_seed(block.rows[row], ablation.metric) for row, _ in each}, each)
        difference = paired_difference(values, dict.fromkeys(values, 0.0))
        why = None if name in ready else "incomplete" if any(row not in whole for row, _ in each) else "not all trained"
        if why is None and difference.n < 2:
            why = "fewer than 2 shared seeds"
        limits = possible(whole, ablation.metric, [weight for _, weight in each])
        difference = replace(difference, ci95=None, p_value=None) if why else clip_difference(difference, limits)
        margin = ablation.rule("margin")
        found.append(Contrast(name, formula, each, block.factors, values, difference, compared.get(name), why, margin))
    return found


def to_json(contrast: Contrast) -> dict[str, Any]:
    """Return a contrast for table.json, in points, unrounded."""
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
        "verdict": contrast.verdict,
        "withheld": contrast.withheld,
    }


def section(table: Table, found: Sequence[Contrast]) -> Section:
    """Return the table of contrasts, block by block."""
    factors = factor_keys([each.factors for each in found])
    head = [
        "Contrast",
        "Formula",
        *factors,
        "n",
        "Estimate, points [95 % CI]",
        "Simultaneous [95 % CI]",
        "Verdict",
        "p",
    ]
    lines = [head]
    for each in found:
        together = format_interval(each.comparison.ci95) if each.comparison else NOTHING
        texts = [estimate(each), together, each.verdict or NOTHING, p_value(each)]
        where = [each.factors.get(key, "") for key in factors]
        lines.append([each.name, each.formula, *where, str(each.difference.n), *texts])
    return Section("Contrasts", lines, 2 + len(factors), explanation(table, found), brief=True)


def estimate(contrast: Contrast) -> str:
    """Return the mean and its interval, or why there is none."""
    mean, ci95 = contrast.difference.mean, contrast.difference.ci95
    if mean is None:
        return f"({contrast.withheld})"
    return f"{format_signed(mean)} {format_interval(ci95) if ci95 else f'({contrast.withheld})'}"


def p_value(contrast: Contrast) -> str:
    """Return the p-value of "the contrast is 0", with three decimals."""
    found = contrast.difference.p_value
    return "< 0.001" if found is not None and found < 0.001 else format_number(found, 3)


def explanation(table: Table, found: Sequence[Contrast]) -> str:
    """Return what the numbers are and what they cover."""
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
    return (
        "Each contrast is computed seed by seed, over the seeds that all its rows have; its interval and p (that it is "
        "0) are Student's, for this one contrast, and cover the randomness of training alone. Simultaneous: Šidák's "
        f"intervals, which hold for {together} together with 95 %, and cover {covers}; "
        "the verdict is above or below 0 by them"
        + (", equal within the margin, or open." if any(each.margin is not None for each in found) else ", or open.")
    ) + (
        " Intervals wait until all rows of a contrast are complete."
        if any(each.withheld == "incomplete" for each in found)
        else ""
    )


def figure(table: Table, found: Sequence[Contrast]) -> Figure | None:
    """Draw one line per contrast: seeds as dots, mean and interval, the simultaneous one thin. None without any."""
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
    """Return a block's contrasts below one another; `inches`: names at the left, numbers at the right, a contrast."""
    names, numbers, deep = inches
    left = MARGIN + names + 0.2
    body = deep * len(found)

    def paint(drawn: Figure, top: float) -> None:
        write_text(drawn, left, top, "Contrast, points", fontsize=NAME, fontweight="bold")
        axes = place_axes(drawn, left, top + HEADING, WIDTH - MARGIN - numbers - left, body)
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
    """Return the height of a name and of a formula in lines, in inches."""
    return text_height(texts[0], NAME), text_height(texts[1], FORMULA)


def labels(contrast: Contrast, wide: float) -> tuple[str, str]:
    """Return name and formula in lines; a formula is broken at its signs."""
    kept = re.sub(r"(?<![-+]) (?![-+])", "\N{NO-BREAK SPACE}", contrast.formula)
    return wrap(contrast.name, wide, NAME), wrap(kept, wide, FORMULA)


def draw_contrast(axes: Axes, position: int, contrast: Contrast) -> None:
    """Draw one contrast, with its numbers at the right; hollow without an interval."""
    judged = contrast.comparison
    look = VERDICTS[contrast.verdict]
    draw_seeds(axes, position, list(contrast.values.values()), look[0])
    if contrast.difference.mean is not None:
        draw_mean(axes, position, contrast.difference.mean, contrast.difference.ci95, look)
    if judged is not None:
        draw_simultaneous(axes, position, judged.ci95, look[0])
    draw_number(axes, position, estimate(contrast), look[0])


def caption_of(table: Table, shown: Sequence[Contrast]) -> str:
    """Return the caption: what the marks are and what the intervals cover."""
    n = count_range([each.difference.n for each in shown])
    known = [each.comparison for each in shown if each.comparison]
    if not known:
        return f"Dots: single seeds (n = {n}). ○ no interval: rows are incomplete, or of one seed."
    family = len({each.name for each in shown})
    together = f"the {family} contrasts{' of a block' if len(table.blocks) > 1 else ''} at once" if family > 1 else "it"
    covered = ", which covers the choice of test images too" if any(each.examples is not None for each in known) else ""
    return (
        f"Dots: single seeds (n = {n}). Bars and numbers: mean and its 95 % interval (Student t), seed by seed, which "
        "cover the randomness of training alone. Thin lines: "
        f"the 95 % interval for {together} (Šidák){covered}; "
        f"▲ ▼ it lies above or below 0, {'■ equal, ' if any(each.verdict == EQUAL for each in shown) else ''}● open, "
        "○ no interval."
    )
