"""figure_shift.png: the variance shift of each batch-norm layer, a line a row; drawn where it was measured."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from dropgrid.plotting.legend import name_rows, named
from dropgrid.plotting.style import GREY, canvas, lines, place, style, wrap, write_text
from dropgrid.reports.evaluation_arrays import Left, every, left
from dropgrid.reports.figures.layer_plot import Curve, curve, fill, interval, ratios
from dropgrid.reports.table import Table

ORDER = 140
CAPTION = "Variance shift by batch-norm layer"

OPTION = "variance_shift"
WIDTH, MARGIN, AXIS, GAP = 10.5, 0.3, 0.5, 0.35
HEIGHT, TITLE, BELOW = 2.9, 0.3, 0.66
"""Inches: a panel, its title, the horizontal axis with its name."""

KINDS = {
    "masks": (
        "The shift that the masks make",
        "with a row's masks at their full rate, norms in eval mode",
    ),
    "stored": (
        "The shift that inference meets",
        "the moving variance from training, which also holds augmentation and the last steps of training: a row that "
        "drops nothing is the measure of it",
    ),
}
"""Kind of shift -> its title, and what is compared with inference."""


class Panel(NamedTuple):
    """One kind of shift of a block, and the rows' curves."""

    kind: str
    curves: Sequence[Curve]


def draw(table: Table) -> Figure | None:
    """Left with the masks against without, right the moving variance against without; None where no cell has any."""
    found = [each for block, rows in table.blocks if (each := left(block, rows, OPTION)) is not None]
    if not found:
        return None
    with style():
        return compose([(each, panels(each)) for each in found])


def panels(measured: Left) -> list[Panel]:
    """A block's panels that have something to show."""
    arrays = [(row, every(seeds)) for row, seeds in measured.rows]
    made = []
    for kind in KINDS:
        there = [(row, [each[kind] for each in seeds if kind in each]) for row, seeds in arrays]
        curves = [each for row, values in there if values and (each := curve(row, values)) is not None]
        if curves:
            made.append(Panel(kind, curves))
    return made


def compose(found: Sequence[tuple[Left, Sequence[Panel]]]) -> Figure:
    """Title, the rows' names, a line of panels a block, caption."""
    names = list(dict.fromkeys(row.name for each, _ in found for row, _ in each.rows))
    across = max(len(own) for _, own in found)
    wide = (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across
    caption = wrap(explanation(found[0][0], [panel for _, own in found for panel in own]), WIDTH - 2 * MARGIN, 8)
    legend = named(names)
    depth = 0.22 * len(legend) + 0.15
    heads = [0.3 if each.block.factors else 0.0 for each, _ in found]
    top = MARGIN + 0.42
    deep = TITLE + HEIGHT + BELOW
    figure = canvas(WIDTH, top + depth + sum(heads) + deep * len(found) + 0.17 * lines(caption) + 0.2)
    write_text(figure, MARGIN, MARGIN, "Variance shift by batch-norm layer", fontsize=13, fontweight="bold")
    name_rows(figure, legend, names, top)
    top += depth
    for (each, own), head in zip(found, heads, strict=True):
        if each.block.factors:
            write_text(figure, MARGIN, top, each.block.label, fontsize=10, fontstyle="italic")
        top += head
        for column, panel in enumerate(own):
            at = MARGIN + AXIS + column * (wide + AXIS + GAP)
            write_text(figure, at, top, KINDS[panel.kind][0], fontsize=9.5, fontweight="bold")
            axes = place(figure, at, top + TITLE, wide, HEIGHT)
            fill(axes, panel.curves, names)
            ratios(axes, panel.curves)
            axes.set_xlabel("Batch-norm layer, from input to output", fontsize=9)
            axes.set_ylabel("Ratio of variances" if column == 0 else "", fontsize=9)
        top += deep
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def explanation(measured: Left, panels: Sequence[Panel]) -> str:
    """The caption: which variances, and what lines and bands are."""
    kinds = [kind for kind in KINDS if any(each.kind == kind for each in panels)]
    sides = ("Left: ", "Right: ") if len(kinds) == 2 else ("Compared: ",)
    compared = " ".join(f"{side}{KINDS[kind][1]}." for side, kind in zip(sides, kinds, strict=True))
    more = f" Measured with {measured.arguments}." if measured.arguments else ""
    return (
        "Variance of what reaches each batch norm against that in inference, when nothing is dropped: the larger by "
        f"the smaller, mean over channels; 1 is no shift (Li et al. 2019, Fig. 4). {compared}{more} "
        f"{interval([each for panel in panels for each in panel.curves])}"
    )
