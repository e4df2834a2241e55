"""figure_contrasts.png: every contrast's estimate with its intervals, on one axis with 0."""

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import GREY, INK, VERDICTS, canvas, heading, lines, place, style, wrap, write_text
from dropgrid.reports.figures.accuracy import frame, limits, mark, scatter
from dropgrid.reports.questions.contrasts import Contrast
from dropgrid.reports.questions.section_contrasts import estimate
from dropgrid.reports.table import Table
from dropgrid.statistics.samples import verdict
from dropgrid.store.ablation import Block

WIDTH, MARGIN, NUMBERS = 10.5, 0.3, 1.75
NAMES = (2.0, 4.0)
"""Inches: the figure, its margin, the numbers; names and formulas at least and at most."""

NAME, FORMULA = 9.0, 7.5
"""Points of their letters."""

LINE, LEAST = 0.155, 0.5
"""Inches: a line of a name or a formula, and a contrast at least."""

RAISED = 0.12


def draw(table: Table) -> Figure | None:
    """A line a contrast: seeds as dots, the mean with its 95 % interval, that of all at once thin. None without any."""
    blocks = [(block, [each for each in table.contrasts if each.factors == block.factors]) for block, _ in table.blocks]
    blocks = [(block, found) for block, found in blocks if any(each.values for each in found)]
    if not blocks:
        return None
    with style():
        return compose(table, blocks)


def compose(table: Table, blocks: Sequence[tuple[Block, Sequence[Contrast]]]) -> Figure:
    """Title, a panel a block, caption."""
    shown = [each for _, found in blocks for each in found]
    title = heading(table.question, WIDTH - 2 * MARGIN)
    caption = wrap(explanation(table, shown), WIDTH - 2 * MARGIN, 8)
    longest = max(max(len(each.name) * NAME, len(each.formula) * FORMULA) for each in shown)
    names = min(max(NAMES[0], longest * 0.56 / 72), NAMES[1])
    texts = {(each.name, each.formula): labels(each, names) for each in shown}
    deep = max(LEAST, *(LINE * (lines(name) + lines(formula)) + 0.12 for name, formula in texts.values()))
    heights = [(0.62 if block.factors else 0.34) + deep * len(found) + 0.36 for block, found in blocks]
    top = MARGIN + 0.24 * lines(title) + 0.2
    figure = canvas(WIDTH, top + sum(heights) + 0.17 * lines(caption) + 0.28)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold", linespacing=1.25)
    intervals = [each.difference.ci95 for each in shown]
    intervals += [each.comparison.ci95 for each in shown if each.comparison]
    limit = limits([each.values.values() for each in shown], intervals, around=0)
    left = MARGIN + names + 0.2
    for (block, found), height in zip(blocks, heights, strict=True):
        head = top
        if block.factors:
            write_text(figure, MARGIN, head, block.label, fontsize=10, fontstyle="italic")
            head += 0.28
        write_text(figure, left, head, "Contrast, points", fontsize=9, fontweight="bold")
        axes = place(figure, left, head + 0.26, WIDTH - MARGIN - NUMBERS - left, deep * len(found))
        frame(axes, len(found), limit)
        axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for position, each in enumerate(found):
            fill(axes, position, each)
            name, formula = texts[each.name, each.formula]
            middle = head + 0.26 + deep * (position + 0.5)
            upper = middle - LINE * (lines(name) + lines(formula)) / 2
            write_text(figure, MARGIN, upper, name, fontsize=NAME, linespacing=1.1)
            under = upper + LINE * lines(name) + 0.02
            write_text(figure, MARGIN, under, formula, fontsize=FORMULA, color=GREY, linespacing=1.2)
        top += height
    write_text(figure, MARGIN, top + 0.06, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def labels(contrast: Contrast, wide: float) -> tuple[str, str]:
    """Name and formula in lines; a formula is broken at its signs."""
    kept = re.sub(r"(?<![-+]) (?![-+])", "\N{NO-BREAK SPACE}", contrast.formula)
    return wrap(contrast.name, wide, NAME), wrap(kept, wide, FORMULA)


def fill(axes: Axes, position: int, contrast: Contrast) -> None:
    """One contrast, and in numbers at the right; hollow without an interval."""
    judged = contrast.comparison
    look = VERDICTS[verdict(judged.ci95) if judged else None]
    scatter(axes, position, list(contrast.values.values()), look[0])
    if contrast.difference.mean is not None:
        mark(axes, position, contrast.difference.mean, contrast.difference.ci95, look)
    if judged is not None:
        at = (position - RAISED, position - RAISED)
        axes.plot(judged.ci95, at, color=look[0], linewidth=0.9, marker="|", markersize=4, zorder=2)
    axes.annotate(
        estimate(contrast), (1, position), (8, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=8.5, color=look[0],
    )  # fmt: skip


def explanation(table: Table, shown: Sequence[Contrast]) -> str:
    """The caption: what the marks are and what the intervals cover."""
    sizes = sorted({each.difference.n for each in shown})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
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
