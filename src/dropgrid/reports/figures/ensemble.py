"""figure_ensemble.png: error and NLL of the mean prediction of K cells against K, a line a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from dropgrid.plotting.legend import name_rows, named
from dropgrid.plotting.style import GREY, canvas, heading, lines, look, place, style, wrap, write_text
from dropgrid.reports.figures.accuracy import limits
from dropgrid.reports.figures.panels import aside, ticks
from dropgrid.reports.questions.ensembles import MOST, Ensemble, Score
from dropgrid.reports.table import Table
from dropgrid.store.ablation import Block

WIDTH, MARGIN, AXIS, GAP = 10.5, 0.3, 0.6, 0.25
HEIGHT, BELOW, HEAD = 3.1, 0.66, 0.28
"""Inches: a panel, the horizontal axis with its name, the factors of a block."""

PANELS = (("error", "Test error, %"), ("nll", "NLL, nats"))

Lines = Mapping[str, Sequence[Ensemble]]
"""row -> its ensembles by K."""


def draw(table: Table) -> Figure | None:
    """Means over the subsets of K cells, bars ± their standard deviation; None where nothing is averaged."""
    found = []
    for block, _ in table.blocks:
        own = [each for each in table.ensembles if each.factors == block.factors]
        by_row = {row: [each for each in own if each.row == row] for row in dict.fromkeys(each.row for each in own)}
        if by_row:
            found.append((block, by_row))
    if not found:
        return None
    with style():
        return compose(table, found)


def compose(table: Table, found: Sequence[tuple[Block, Lines]]) -> Figure:
    """Title, the rows' names, a pair of panels a block, caption."""
    title = heading("Ensembles: the mean prediction of K cells of a row", WIDTH - 2 * MARGIN)
    names = list(dict.fromkeys(row for _, rows in found for row in rows))
    caption = wrap(explanation([each for _, rows in found for row in rows.values() for each in row]), WIDTH - 0.6, 8)
    legend = named(names)
    wide = (WIDTH - 2 * MARGIN - 2 * AXIS - GAP) / 2
    heads = [HEAD if block.factors else 0.0 for block, _ in found]
    top = MARGIN + 0.24 * lines(title) + 0.18
    depth = 0.22 * len(legend) + 0.15
    total = top + depth + sum(heads) + len(found) * (HEIGHT + BELOW)
    figure = canvas(WIDTH, total + 0.17 * lines(caption) + 0.2)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    name_rows(figure, legend, names, top)
    top += depth
    for (block, rows), head in zip(found, heads, strict=True):
        if head:
            write_text(figure, MARGIN, top, block.label, fontsize=10, fontstyle="italic")
        for column, (which, name) in enumerate(PANELS):
            axes = place(figure, MARGIN + AXIS + column * (wide + AXIS + GAP), top + head, wide, HEIGHT)
            fill(axes, rows, which, names, wide)
            axes.set_xlabel("K, cells averaged", fontsize=9)
            axes.set_ylabel(name, fontsize=9)
        top += head + HEIGHT + BELOW
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def fill(axes: Axes, rows: Lines, which: str, names: Sequence[str], wide: float) -> None:
    """A panel's lines; the marks of all rows at one K take at most half of the room to the next."""
    sizes = sorted({each.k for row in rows.values() for each in row})
    ticks(axes, sizes, wide)
    apart = aside(axes, sizes, len(rows), wide)
    for index, (row, each) in enumerate(rows.items()):
        inches = (index - (len(rows) - 1) / 2) * apart / 72
        moved = axes.transData + ScaledTranslation(inches, 0, axes.figure.dpi_scale_trans)
        line(axes, [(one.k, getattr(one, which), one.n == one.planned) for one in each], look(names.index(row)), moved)
    scores = [getattr(one, which) for each in rows.values() for one in each]
    axes.set_ylim(*limits([(each.mean, each.members) for each in scores], [spread(each) for each in scores]))
    axes.locator_params(axis="y", nbins=7)


def line(axes: Axes, points: Sequence[tuple[int, Score, bool]], looks: tuple[str, str, Any], moved: Any) -> None:
    """One row: its means joined, its spreads, and dotted what its members score on average."""
    colour, marker, dash = looks
    sizes, found = [k for k, *_ in points], [score for _, score, _ in points]
    given: dict[str, Any] = {"color": colour, "transform": moved}
    axes.plot(sizes, [each.members for each in found], linestyle=(0, (1, 2)), linewidth=1.0, zorder=2, **given)
    axes.plot(sizes, [each.mean for each in found], linestyle=dash, linewidth=1.7, zorder=3, **given)
    for k, each, complete in points:
        if (ends := spread(each)) is not None:
            axes.plot((k, k), ends, linewidth=1.3, alpha=0.75, zorder=3, **given)
        face, edge = (colour, "white") if complete else ("white", colour)
        axes.plot(k, each.mean, marker, markersize=6.5, mfc=face, mec=edge, mew=0.8, transform=moved, zorder=4)


def spread(score: Score) -> tuple[float, float] | None:
    """Mean ± standard deviation over subsets; None of one subset."""
    return None if score.std is None else (score.mean - score.std, score.mean + score.std)


def explanation(found: Sequence[Ensemble]) -> str:
    """The caption: what the marks are, and what the bars are not."""
    sizes = sorted({each.n for each in found})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    some = f", or {MOST} of them at random" if any(each.subsets < each.total for each in found) else ""
    missing = " Open mark: cells are missing." if any(each.n < each.planned for each in found) else ""
    return (
        f"Softmax probabilities averaged over K of a row's n = {n} cells, on the test images: mean over all subsets of "
        f"K cells{some}. Bars: ± one standard deviation over these subsets. They share cells, so they are not "
        "independent: the bars shrink to nothing at K = n by construction and are no confidence intervals. Dotted: the "
        "mean score of the members, which the NLL of an ensemble never exceeds; its error may. Marks at one K stand a "
        f"little aside of one another.{missing}"
    )
