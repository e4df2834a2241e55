"""figure_robustness.png: accuracy with DropBlock on at inference, a panel a block size, a line a row."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from dropgrid.reports.cells import Block
from dropgrid.reports.figure import limits
from dropgrid.reports.plotting import GREY, INK, canvas, lines, look, place, style, wrap, write_text
from dropgrid.reports.statistics import Sample
from dropgrid.reports.table import Row, Table

METRIC = re.compile(r"(dropblock_inference(?:\[.*\])?)/block_(\d+)_keep_prob_(.+)")
WIDTH, MARGIN, AXIS, GAP = 10.5, 0.3, 0.55, 0.2
HEIGHT, TITLE, BELOW, ACROSS = 3.1, 0.3, 0.66, 3
"""Inches: a panel, its title, the horizontal axis with its name; panels side by side, at most."""

ASIDE = 2.6
"""Points between the marks of two rows at one keep_prob, so that no interval hides another."""

Curve = Mapping[float, Sample]
"""keep_prob at inference -> accuracy in percent over the seeds."""


@dataclass(frozen=True)
class Panel:
    """One block size, and the rows' curves."""

    block: Block
    title: str
    curves: Sequence[tuple[Row, Curve]]


def draw(table: Table) -> Figure | None:
    """Means with 95 % intervals over keep_prob on its true scale; None where nothing of it was measured."""
    found = [each for block, rows in table.blocks for each in panels(block, rows)]
    if not found:
        return None
    with style():
        return compose(table, found)


def panels(block: Block, rows: Sequence[Row]) -> list[Panel]:
    """A block's panels, by evaluation and block size."""
    found: dict[tuple[str, int], dict[str, dict[float, Sample]]] = {}
    for row in rows:
        for name, each in row.evaluations.items():
            part = METRIC.fullmatch(name)
            if part:
                curves = found.setdefault((part[1], int(part[2])), {})
                curves.setdefault(row.name, {})[float(part[3])] = each.sample
    made = []
    for (label, size), curves in sorted(found.items()):
        arguments = label.partition("[")[2].rstrip("]")
        title = ", ".join(filter(None, [block.label, f"block {size} at inference", arguments]))
        made.append(Panel(block, title, [(row, curves[row.name]) for row in rows if row.name in curves]))
    return made


def compose(table: Table, found: Sequence[Panel]) -> Figure:
    """Title, the rows' names, the panels, those of one block side by side, caption."""
    title = wrap("Accuracy with DropBlock switched on at inference", WIDTH - 2 * MARGIN, 13)
    names = list(dict.fromkeys(row.name for each in found for row, _ in each.curves))
    caption = wrap(explanation(found), WIDTH - 2 * MARGIN, 8)
    blocks = list({id(each.block): each.block for each in found}.values())
    grid = [[each for each in found if each.block is block] for block in blocks]
    across = min(ACROSS, max(len(each) for each in grid))
    wide = (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across
    legend = named(names)
    depth = 0.22 * len(legend) + 0.15
    deep = TITLE + HEIGHT + BELOW
    top = MARGIN + 0.24 * lines(title) + 0.18
    down = sum(-(-len(each) // across) for each in grid)
    figure = canvas(WIDTH, top + depth + down * deep + 0.17 * lines(caption) + 0.2)
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    name_rows(figure, legend, names, top)
    top += depth
    for each in grid:
        limit = vertical(each)
        for index, panel in enumerate(each):
            line, column = divmod(index, across)
            left, upper = MARGIN + AXIS + column * (wide + AXIS + GAP), top + line * deep
            write_text(figure, left, upper, panel.title, fontsize=9.5, fontweight="bold")
            axes = place(figure, left, upper + TITLE, wide, HEIGHT)
            fill(axes, panel, names, limit)
            axes.set_ylabel("Test accuracy, %" if column == 0 else "", fontsize=9)
        top += -(-len(each) // across) * deep
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def named(names: Sequence[str]) -> list[list[tuple[str, float]]]:
    """The names in lines that fit the figure, each with where it begins, in inches."""
    found: list[list[tuple[str, float]]] = [[]]
    at = MARGIN
    for name in names:
        wide = 0.66 + len(name) * 0.58 * 9 / 72
        if found[-1] and at + wide > WIDTH - MARGIN:
            found.append([])
            at = MARGIN
        found[-1].append((name, at))
        at += wide + 0.25
    return found


def name_rows(figure: Figure, legend: Sequence[Sequence[tuple[str, float]]], names: Sequence[str], top: float) -> None:
    """Each row's name after a piece of its line."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(legend):
        at = top + 0.22 * number + 0.07
        for name, left in line:
            colour, marker, dash = look(names.index(name))
            y, xs = 1 - at / height, [left / width, (left + 0.46) / width]
            given: dict[str, Any] = {"color": colour, "transform": figure.transFigure}
            figure.add_artist(Line2D(xs, [y, y], linestyle=dash, linewidth=1.7, **given))
            figure.add_artist(Line2D([sum(xs) / 2], [y], marker=marker, markersize=6.5, mec="white", mew=0.8, **given))
            write_text(figure, left + 0.54, at, name, fontsize=9, va="center", color=INK)


def vertical(found: Sequence[Panel]) -> tuple[float, float]:
    """Limits that hold all means and intervals of some panels."""
    samples = [each for panel in found for _, curve in panel.curves for each in curve.values()]
    low, high = limits([[s.mean] for s in samples if s.mean is not None], [s.ci95 for s in samples])
    return max(low, -1.0), min(high, 101.0)


def fill(axes: Axes, panel: Panel, names: Sequence[str], limit: tuple[float, float]) -> None:
    """The rows' lines; keep_prob falls to the right, where more is dropped."""
    values = sorted({keep_prob for _, curve in panel.curves for keep_prob in curve})
    air = 0.06 * (values[-1] - values[0]) or 0.05
    axes.set_xlim(values[-1] + air, values[0] - air)
    axes.set_xticks(values, [f"{each:g}" for each in values])
    axes.set_ylim(*limit)
    axes.locator_params(axis="y", nbins=7)
    axes.set_xlabel("keep_prob at inference", fontsize=9)
    for index, (row, curve) in enumerate(panel.curves):
        colour, marker, dash = look(names.index(row.name))
        inches = (index - (len(panel.curves) - 1) / 2) * ASIDE / 72
        moved = axes.transData + ScaledTranslation(inches, 0, axes.figure.dpi_scale_trans)
        known = [(x, mean, curve[x]) for x in sorted(curve) if (mean := curve[x].mean) is not None]
        xs, means = [x for x, _, _ in known], [mean for _, mean, _ in known]
        axes.plot(xs, means, color=colour, linestyle=dash, linewidth=1.7, transform=moved, zorder=3)
        for x, mean, sample in known:
            if sample.ci95 is not None:
                axes.plot((x, x), sample.ci95, color=colour, linewidth=1.3, alpha=0.75, transform=moved, zorder=3)
            face, edge = (colour, "white") if sample.n == row.planned else ("white", colour)
            axes.plot(x, mean, marker, markersize=6.5, mfc=face, mec=edge, mew=0.8, transform=moved, zorder=4)


def explanation(found: Sequence[Panel]) -> str:
    """The caption: what the marks are."""
    samples = [(row, each) for panel in found for row, curve in panel.curves for each in curve.values()]
    sizes = sorted({sample.n for _, sample in samples})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    interval = (
        "One seed a mark: no intervals."
        if sizes == [1]
        else (f"Mean over seeds (n = {n}) and its 95 % interval (Student t).")
    )
    missing = " Open mark: seeds are missing." if any(sample.n < row.planned for row, sample in samples) else ""
    return (
        f"{interval}{missing} Each network is tested with DropBlock on, whatever it was trained with, norms in eval "
        "mode; the lower keep_prob, the more is dropped, at 1 nothing. Marks at one value stand a little aside of one "
        "another."
    )
