"""figure_filters.png: what the first layer looks for, and how active the hidden units are, a panel a row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import BLUE, GREY, INK, VERMILLION, canvas, fitting, lines, place, style, wrap, write_text
from dropgrid.reports.columns import plus_minus
from dropgrid.reports.evaluation_arrays import Left, left
from dropgrid.reports.figures.cam import read
from dropgrid.reports.figures.curves import columns
from dropgrid.reports.table import Row, Table

ORDER = 120
CAPTION = "First-layer filters and activations of the hidden units"

OPTION = "coadaptation"
WIDTH, MARGIN, GAP = 10.5, 0.3, 0.3
AXIS, NUMBERS, DEEP, BELOW = 0.42, 0.82, 0.85, 0.5
"""Inches: left of a panel, its name and numbers, a histogram, its axis with its name."""

LARGEST = 3.0
"""Inches of a panel's width, at most."""

COLOURS = "RdBu_r"
WITHIN = 0.99
"""The share of a row's |w| within the ends of its colours: a few outliers would leave the others pale."""

BETWEEN = 0.8
"""The grey between filters: white is a weight of 0."""

PIXELS = 480
"""Of a grid's side, at least: filters are repeated, not smoothed."""


@dataclass(frozen=True)
class Panel:
    """A row's cell: what filters learned (n, C, h, w) or None, `means` (units,), `counts` (bins,) between `edges`."""

    row: Row
    seed: int
    filters: np.ndarray | None
    means: np.ndarray
    counts: np.ndarray
    edges: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """Share of the activations per unit of activation."""
        found: np.ndarray = self.counts / max(1, self.counts.sum()) / np.diff(self.edges)
        return found


def draw(table: Table) -> Figure | None:
    """The rows' panels at the lowest seed that all of them have; None where no cell was measured."""
    found = [each for block, rows in table.blocks if (each := left(block, rows, OPTION)) is not None]
    if not found:
        return None
    with style():
        return compose([(each, panels(each)) for each in found])


def panels(measured: Left) -> list[Panel]:
    """The rows' arrays, of one seed where they share one."""
    made = []
    for row, seeds in measured.rows:
        seed = min(seeds) if measured.seed is None else measured.seed
        arrays = read(seeds[seed])
        shown = {key: arrays[key] for key in ("means", "counts", "edges")}
        made.append(Panel(row, seed, arrays.get("learned", arrays.get("filters")), **shown))
    return made


def compose(found: Sequence[tuple[Left, Sequence[Panel]]]) -> Figure:
    """Title, the blocks' panels, caption."""
    across = columns(max(len(own) for _, own in found))
    wide = min(LARGEST, (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across)
    square = wide if any(each.filters is not None for _, own in found for each in own) else 0.0
    deep = NUMBERS + square + 0.25 + 2 * (DEEP + BELOW) + 0.1
    width = 2 * MARGIN + across * (AXIS + wide) + GAP * (across - 1)
    caption = wrap(explanation(found), width - 2 * MARGIN, 8)
    heads = [0.3 if each.block.factors else 0.0 for each, _ in found]
    downs = [math.ceil(len(own) / across) for _, own in found]
    top = MARGIN + 0.42
    figure = canvas(width, top + sum(heads) + deep * sum(downs) + 0.17 * lines(caption) + 0.25)
    title = "First-layer filters and activations of the hidden units"
    write_text(figure, MARGIN, MARGIN, title, fontsize=13, fontweight="bold")
    for (each, own), head, down in zip(found, heads, downs, strict=True):
        if each.block.factors:
            write_text(figure, MARGIN, top, each.block.label, fontsize=10, fontstyle="italic")
        for index, panel in enumerate(own):
            line, column = divmod(index, across)
            at, upper = MARGIN + AXIS + column * (wide + AXIS + GAP), top + head + line * deep
            draw_panel(figure, each, own, panel, (at, upper, wide, square))
        top += head + down * deep
    write_text(figure, MARGIN, top, caption, fontsize=8, color=GREY, linespacing=1.35)
    return figure


def draw_panel(
    figure: Figure, measured: Left, block: Sequence[Panel], panel: Panel, box: tuple[float, float, float, float]
) -> None:
    """Name and numbers, filters, and the two histograms, whose axes all panels of the block share."""
    at, top, wide, square = box
    name, size = fitting(panel.row.name, wide)
    weight = "bold" if panel.row.baseline else "normal"
    write_text(figure, at, top, name, fontsize=size, fontweight=weight, color=INK)
    text = numbers(measured, panel, alone=measured.seed is None)
    write_text(figure, at, top + 0.18, text, fontsize=7.8, color=GREY, linespacing=1.3)
    top += NUMBERS
    if panel.filters is not None:
        axes = place(figure, at, top, square, square)
        axes.set_axis_off()
        axes.imshow(grid(panel.filters), interpolation="nearest")
    top += square + 0.25
    one = place(figure, at, top, wide, DEEP)
    reach = [float(end) for each in block for end in (each.means.min(), each.means.max())]
    bins = np.linspace(min(0.0, *reach), max(reach) or 1.0, 31)
    share = 100 * np.histogram(panel.means, bins)[0] / len(panel.means)
    one.stairs(share, bins, color=VERMILLION, fill=True, alpha=0.75)
    highest = max(np.histogram(each.means, bins)[0].max() / len(each.means) for each in block)
    one.set_ylim(0, 105 * highest)
    labelled(one, (bins[0], bins[-1]), "mean activation of a unit", "% of units")
    other = place(figure, at, top + DEEP + BELOW, wide, DEEP)
    other.stairs(
        np.where(panel.counts > 0, panel.density, np.nan), panel.edges, color=BLUE, linewidth=1.3, baseline=None
    )
    other.set_yscale("log")
    there = [each.density[each.counts > 0] for each in block]
    other.set_ylim(min(each.min() for each in there) / 2, max(each.max() for each in there) * 2)
    ends = [end for each in block for end in (each.edges[0], each.edges[-1])]
    labelled(other, (min(ends), max(ends)), "activation", "density")
    other.grid(which="minor", axis="y", visible=False)


def labelled(axes: Axes, limit: tuple[float, float], across: str, up: str) -> None:
    """Small axes with names."""
    air = 0.02 * (limit[1] - limit[0])
    axes.set_xlim(limit[0] - air, limit[1] + air)
    axes.set_xlabel(across, fontsize=8, labelpad=1)
    axes.set_ylabel(up, fontsize=8, labelpad=2)
    axes.tick_params(labelsize=7)
    axes.locator_params(axis="x", nbins=5)
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=4)


def numbers(measured: Left, panel: Panel, *, alone: bool) -> str:
    """The row's measures over its seeds, a line each."""
    wanted = (
        ("correlation", "mean |r| {}", 3),
        ("sparsity", "{} % of activations off", 1),
        ("effective_rank", "effective rank {}", 1),
    )
    there = [(text, panel.row.evaluations.get(f"{measured.label}/{name}"), places) for name, text, places in wanted]
    parts = [text.format(plus_minus(each.sample.mean, each.sample.std, n)) for text, each, n in there if each]
    return "\n".join([*parts, f"seed {panel.seed}"] if alone else parts)


def grid(filters: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of filters (n, C, h, w) in a square grid with grey between.

    0 is the middle of the colours, and what 99 % of all |w| stay within their ends.
    """
    count, channels, height, width = filters.shape
    across = math.ceil(math.sqrt(count))
    largest = float(np.quantile(np.abs(filters), WITHIN)) or float(np.abs(filters).max()) or 1.0
    value = np.clip(filters / largest, -1, 1)
    if channels == 3:
        shown = np.moveaxis((value + 1) / 2, 1, -1)
    else:
        shown = matplotlib.colormaps[COLOURS]((value.mean(1) + 1) / 2)[..., :3]
    times = math.ceil(PIXELS / (across * max(height, width)))
    shown = shown.repeat(times, 1).repeat(times, 2)
    gap = max(1, round(0.07 * times * max(height, width)))
    deep, wide = (times * side + gap for side in (height, width))
    sheet: np.ndarray = np.full((deep * math.ceil(count / across) - gap, wide * across - gap, 3), BETWEEN)
    for index, each in enumerate(shown):
        line, column = divmod(index, across)
        sheet[line * deep : (line + 1) * deep - gap, column * wide : (column + 1) * wide - gap] = each
    return sheet


def explanation(found: Sequence[tuple[Left, Sequence[Panel]]]) -> str:
    """The caption: which cell, the colours, what the histograms and the numbers are."""
    seeds = {each.seed for _, own in found for each in own}
    one = f", seed {seeds.pop()}" if len(seeds) == 1 else ""
    filters = [each.filters for _, own in found for each in own if each.filters is not None]
    channels = {each.shape[1] for each in filters}
    colours = (
        "as colours about grey, which is 0"
        if channels == {3}
        else f"blue below 0, white 0, red above{'' if channels == {1} else ', mean over the input channels'}"
    )
    weights = (
        f"What training added to the weights of the first layer's units{one}, up to "
        f"{max(len(each) for each in filters)} evenly spaced: "
        f"{colours}, each row up to what 99 % of it stays within. "
        if filters
        else f"Hidden units{one}. "
    )
    more = f" Measured with {found[0][0].arguments}." if found[0][0].arguments else ""
    return (
        f"{weights}Histograms as in Srivastava et al. 2014, Fig. 8: the mean activation of each unit over the test "
        "images, and all activations, on a logarithmic axis. Numbers, mean ± standard deviation over seeds: the mean "
        "|correlation| between two units; activations that are off (within the threshold's share of the "
        f"unit's largest); the effective rank of their correlations (1: all units are one).{more}"
    )
