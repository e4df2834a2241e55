"""A panel with the layers of a network on the horizontal axis, a line a row."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from dropgrid.plotting.style import INK, look
from dropgrid.reports.table import Row
from dropgrid.statistics.samples import Sample, describe

MARKED = 24
"""Layers, at most, for each of which there is a mark."""

MANY = 100
"""From the lowest to the highest: from there on powers of ten alone have numbers."""


class Curve(NamedTuple):
    """A row's values: layers from 1, and at each a sample over the seeds."""

    row: Row
    layers: Sequence[int]
    samples: Sequence[Sample]

    @property
    def means(self) -> list[float]:
        """By layer."""
        return [each.mean for each in self.samples if each.mean is not None]


def curve(row: Row, values: Sequence[np.ndarray], where: np.ndarray | None = None) -> Curve | None:
    """A row's curve of values (L,) of each seed, at the layers where the mask (L,) is true; None where nowhere.

    Seeds with other layers than the first are left out: they are of another network.
    """
    alike = [each for each in values if each.shape == values[0].shape]
    layers = np.arange(len(values[0])) if where is None else np.flatnonzero(where)
    if not len(layers):
        return None
    return Curve(row, [int(at) + 1 for at in layers], [describe([float(each[at]) for each in alike]) for at in layers])


def fill(axes: Axes, curves: Sequence[Curve], names: Sequence[str]) -> None:
    """Means joined by layer with a band of their 95 % intervals; each row looks as its place in `names` says."""
    longest = max(each.layers[-1] for each in curves)
    for each in curves:
        colour, marker, dash = look(names.index(each.row.name))
        every = 1 if longest <= MARKED else -(-longest // MARKED)
        bands = [(at, *sample.ci95) for at, sample in zip(each.layers, each.samples, strict=True) if sample.ci95]
        if bands:
            at, low, high = (list(part) for part in zip(*bands, strict=True))
            axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0, zorder=2)
        drawn: dict[str, Any] = {"marker": marker, "markersize": 5, "mec": "white", "mew": 0.6, "markevery": every}
        axes.plot(each.layers, each.means, color=colour, linestyle=dash, linewidth=1.5, zorder=3, **drawn)
    axes.set_xlim(0.5, longest + 0.5)
    axes.locator_params(axis="x", nbins=8, integer=True)


def ratios(axes: Axes, curves: Sequence[Curve]) -> None:
    """A vertical axis of ratios, none below 1: it holds all means, and intervals as far as they fit."""
    highest = max(mean for each in curves for mean in each.means)
    ends = [highest] + [sample.ci95[1] for each in curves for sample in each.samples if sample.ci95]
    top = min(max(ends), 1 + 2 * (highest - 1))
    air = 0.06 * (top - 1) or 0.05
    axes.set_ylim(1 - air, top + air)
    axes.locator_params(axis="y", nbins=7)
    axes.axhline(1, color=INK, linewidth=0.9, zorder=1)


def logarithmic(axes: Axes, curves: Sequence[Curve]) -> None:
    """A logarithmic vertical axis: it holds all means, and intervals as far as they fit."""
    means = [mean for each in curves for mean in each.means]
    axes.set_yscale("log")
    axes.set_ylim(min(means) / 1.6, max(means) * 1.6)
    subs = (1, 2, 5) if max(means) / min(means) < MANY else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="minor", axis="y", visible=False)


def interval(curves: Sequence[Curve]) -> str:
    """What lines and bands are, as a sentence of the caption."""
    sizes = sorted({sample.n for each in curves for sample in each.samples})
    if sizes == [1]:
        return "One seed a line: no intervals."
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"Line: mean over seeds (n = {n}); band: its 95 % interval (Student t)."
