"""figure_filters.png: the filters of the first layer, and how active the hidden units are, one panel per row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layout import FigureSection, assemble_figure, small_columns
from dropgrid.plotting.style import BLUE, GREY, INK, MARGIN, VERMILLION, WIDTH, place_axes
from dropgrid.plotting.text import fit_name, write_text
from dropgrid.reports.columns import format_mean_std
from dropgrid.reports.evaluation_arrays import EvaluationArrays, find_evaluation_arrays
from dropgrid.reports.table import Row, Table
from dropgrid.store.arrays import read_arrays
from dropgrid.store.evaluations import AGAIN

ORDER = 120
CAPTION = "First-layer filters and activations of the hidden units"

OPTION = "coadaptation"
GAP, AXIS, NUMBERS, DEEP, BELOW = 0.3, 0.42, 0.82, 0.85, 0.5
"""Inches: between two panels, left of one, its name and numbers, a histogram, its axis with its name."""

LARGEST = 3.0
"""The greatest width of a panel, in inches."""

COLOURS = "RdBu_r"
WITHIN = 0.99
"""The share of a row's |w| within the ends of its colours: a few outliers would make the others pale."""

BETWEEN = 0.8
"""The grey between filters: white is a weight of 0."""

PIXELS = 480
"""The fewest pixels of a grid's side: filters are repeated, not smoothed."""


@dataclass(frozen=True)
class CellUnits:
    """A row's cell: learned filters (n, C, h, w) or None, `means` (units,), `counts` (bins,) between `edges`."""

    row: Row
    seed: int
    filters: np.ndarray | None
    means: np.ndarray
    counts: np.ndarray
    edges: np.ndarray

    @property
    def density(self) -> np.ndarray:
        """The share of activations per unit of activation."""
        found: np.ndarray = self.counts / max(1, self.counts.sum()) / np.diff(self.edges)
        return found


def draw(table: Table) -> Figure | None:
    """Draw the rows' panels at the lowest seed that all have; None if no cell was evaluated."""
    found = [each for block, rows in table.blocks if (each := find_evaluation_arrays(block, rows, OPTION)) is not None]
    if not found:
        return None
    blocks = [(each, cells_of(each)) for each in found]
    across = small_columns(max(len(own) for _, own in blocks))
    wide = min(LARGEST, (WIDTH - 2 * MARGIN - AXIS * across - GAP * (across - 1)) / across)
    square = wide if any(each.filters is not None for _, own in blocks for each in own) else 0.0
    sections = [cell_panels(each, own, across=across, wide=wide, square=square) for each, own in blocks]
    width = 2 * MARGIN + across * (AXIS + wide) + GAP * (across - 1)
    title = "First-layer filters and activations of the hidden units"
    return assemble_figure(title, sections, explanation(blocks), width=width)


def cells_of(measured: EvaluationArrays) -> list[CellUnits]:
    """Return the rows' arrays, of a seed that all share if there is one."""
    made = []
    for row, seeds in measured.rows:
        seed = min(seeds) if measured.seed is None else measured.seed
        arrays = read_arrays(seeds[seed], AGAIN)
        shown = {key: arrays[key] for key in ("means", "counts", "edges")}
        made.append(CellUnits(row, seed, arrays.get("learned", arrays.get("filters")), **shown))
    return made


def cell_panels(
    measured: EvaluationArrays, block: Sequence[CellUnits], *, across: int, wide: float, square: float
) -> FigureSection:
    """Return a block's panels, `wide` inches each; filters, if any, take a square of that width."""
    deep = NUMBERS + square + 0.25 + 2 * (DEEP + BELOW) + 0.1

    def paint(figure: Figure, top: float) -> None:
        for index, cell in enumerate(block):
            down, right = divmod(index, across)
            left, upper = MARGIN + AXIS + right * (wide + AXIS + GAP), top + down * deep
            write_numbers(figure, measured, cell, left, upper, wide)
            upper += NUMBERS
            if cell.filters is not None:
                axes = place_axes(figure, left, upper, square, square)
                axes.set_axis_off()
                axes.imshow(filter_grid(cell.filters), interpolation="nearest")
            upper += square + 0.25
            draw_means(place_axes(figure, left, upper, wide, DEEP), cell, block)
            draw_activations(place_axes(figure, left, upper + DEEP + BELOW, wide, DEEP), cell, block)

    return FigureSection(measured.block.label, math.ceil(len(block) / across) * deep, paint)


def write_numbers(
    figure: Figure, measured: EvaluationArrays, cell: CellUnits, left: float, top: float, wide: float
) -> None:
    """Write a row's name and numbers."""
    name, size = fit_name(cell.row.name, wide, bold=cell.row.baseline)
    weight = "bold" if cell.row.baseline else "normal"
    write_text(figure, left, top, name, fontsize=size, fontweight=weight, color=INK)
    text = measures_in_lines(measured, cell, alone=measured.seed is None)
    write_text(figure, left, top + 0.18, text, fontsize=7.8, color=GREY, linespacing=1.3)


def draw_means(axes: Axes, cell: CellUnits, block: Sequence[CellUnits]) -> None:
    """Draw the histogram of the units' mean activations, on axes common to all cells of a block."""
    reach = [float(end) for each in block for end in (each.means.min(), each.means.max())]
    bins = np.linspace(min(0.0, *reach), max(reach) or 1.0, 31)
    share = 100 * np.histogram(cell.means, bins)[0] / len(cell.means)
    axes.stairs(share, bins, color=VERMILLION, fill=True, alpha=0.75)
    highest = max(np.histogram(each.means, bins)[0].max() / len(each.means) for each in block)
    axes.set_ylim(0, 105 * highest)
    small_axes(axes, (bins[0], bins[-1]), "mean activation of a unit", "% of units")


def draw_activations(axes: Axes, cell: CellUnits, block: Sequence[CellUnits]) -> None:
    """Draw the logarithmic density of all activations, on axes common to all cells of a block."""
    shown = np.where(cell.counts > 0, cell.density, np.nan)
    axes.stairs(shown, cell.edges, color=BLUE, linewidth=1.3, baseline=None)
    axes.set_yscale("log")
    there = [each.density[each.counts > 0] for each in block]
    axes.set_ylim(min(each.min() for each in there) / 2, max(each.max() for each in there) * 2)
    ends = [end for each in block for end in (each.edges[0], each.edges[-1])]
    small_axes(axes, (min(ends), max(ends)), "activation", "density")
    axes.grid(which="minor", axis="y", visible=False)


def small_axes(axes: Axes, limit: tuple[float, float], across: str, up: str) -> None:
    """Set names, limits and numbers of a small panel."""
    air = 0.02 * (limit[1] - limit[0])
    axes.set_xlim(limit[0] - air, limit[1] + air)
    axes.set_xlabel(across, fontsize=8, labelpad=1)
    axes.set_ylabel(up, fontsize=8, labelpad=2)
    axes.tick_params(labelsize=7)
    axes.locator_params(axis="x", nbins=5)
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=4)


def measures_in_lines(measured: EvaluationArrays, cell: CellUnits, *, alone: bool) -> str:
    """Return the row's measures over its seeds, one per line."""
    wanted = (
        ("correlation", "mean |r| {}", 3),
        ("sparsity", "{} % of activations off", 1),
        ("effective_rank", "effective rank {}", 1),
    )
    there = [(text, cell.row.evaluations.get(f"{measured.label}/{name}"), places) for name, text, places in wanted]
    parts = [text.format(format_mean_std(each.sample.mean, each.sample.std, n)) for text, each, n in there if each]
    return "\n".join([*parts, f"seed {cell.seed}"] if alone else parts)


def filter_grid(filters: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) of filters (n, C, h, w) in a square grid with grey between.

    0 is the middle of the colour scale, whose ends hold 99 % of all |w|.
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
    found: np.ndarray = np.full((deep * math.ceil(count / across) - gap, wide * across - gap, 3), BETWEEN)
    for index, each in enumerate(shown):
        line, column = divmod(index, across)
        found[line * deep : (line + 1) * deep - gap, column * wide : (column + 1) * wide - gap] = each
    return found


def explanation(found: Sequence[tuple[EvaluationArrays, Sequence[CellUnits]]]) -> str:
    """Return the caption: which cell, the colours, and what the histograms and numbers are."""
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
