"""A panel with the layers of a network on the horizontal axis, one line per row."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from dropgrid.plotting.series import MARKED, count_range, draw_series
from dropgrid.plotting.style import INK, look
from dropgrid.statistics.samples import Sample, describe

MANY = 100
"""From the lowest to the highest: from there on powers of ten alone have numbers."""


class LayerLine(NamedTuple):
    """A row's values: layers from 1, and a sample over the seeds at each."""

    name: str
    layers: Sequence[int]
    samples: Sequence[Sample]

    @property
    def means(self) -> list[float]:
        """The means over seeds, by layer."""
        return [each.mean for each in self.samples if each.mean is not None]


def layer_line(name: str, values: Sequence[np.ndarray], where: np.ndarray | None = None) -> LayerLine | None:
    """Return a row's line of values (L,) of each seed, at the layers where the mask (L,) is true; None if nowhere.

    Seeds whose layers differ from the first seed's are left out: they have another network.
    """
    alike = [each for each in values if each.shape == values[0].shape]
    layers = np.arange(len(values[0])) if where is None else np.flatnonzero(where)
    if not len(layers):
        return None
    samples = [describe([float(each[at]) for each in alike]) for at in layers]
    return LayerLine(name, [int(at) + 1 for at in layers], samples)


def draw_layer_lines(axes: Axes, curves: Sequence[LayerLine], names: Sequence[str]) -> None:
    """Draw means joined by layer with a band of their 95 % intervals; a row's look follows its place in `names`."""
    longest = max(each.layers[-1] for each in curves)
    for each in curves:
        index = names.index(each.name)
        bands = [(at, *sample.ci95) for at, sample in zip(each.layers, each.samples, strict=True) if sample.ci95]
        if bands:
            axes.fill_between(*np.transpose(bands), color=look(index)[0], alpha=0.15, linewidth=0, zorder=2)
        marked = 1 if longest <= MARKED else -(-longest // MARKED)
        draw_series(axes, each.layers, each.means, index, markersize=5, mew=0.6, markevery=marked)
    axes.set_xlim(0.5, longest + 0.5)
    axes.locator_params(axis="x", nbins=8, integer=True)


def ratio_axis(axes: Axes, curves: Sequence[LayerLine]) -> None:
    """Set a vertical axis of ratios, none below 1: it holds all means, and intervals as far as they fit."""
    highest = max(mean for each in curves for mean in each.means)
    ends = [highest] + [sample.ci95[1] for each in curves for sample in each.samples if sample.ci95]
    top = min(max(ends), 1 + 2 * (highest - 1))
    air = 0.06 * (top - 1) or 0.05
    axes.set_ylim(1 - air, top + air)
    axes.locator_params(axis="y", nbins=7)
    axes.axhline(1, color=INK, linewidth=0.9, zorder=1)


def log_layer_axis(axes: Axes, curves: Sequence[LayerLine]) -> None:
    """Set a logarithmic vertical axis: it holds all means, and intervals as far as they fit."""
    means = [mean for each in curves for mean in each.means]
    axes.set_yscale("log")
    axes.set_ylim(min(means) / 1.6, max(means) * 1.6)
    subs = (1, 2, 5) if max(means) / min(means) < MANY else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="minor", axis="y", visible=False)


def describe_bands(curves: Sequence[LayerLine]) -> str:
    """Return the caption's sentence on lines and bands."""
    sizes = {sample.n for each in curves for sample in each.samples}
    if sizes == {1}:
        return "One seed a line: no intervals."
    return f"Line: mean over seeds (n = {count_range(sizes)}); band: its 95 % interval (Student t)."
