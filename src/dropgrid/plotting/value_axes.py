"""Limits and ticks of axes: they hold all drawn values, and no two numbers overlap."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from dropgrid.plotting.text import text_width
from dropgrid.statistics.samples import Interval

TICK = 8.0
"""Points of a tick's number."""

ASIDE, SPREAD = 2.6, 24.0
"""Points between the marks of two rows at one number, at most, so that no interval hides another."""


def value_limits(
    values: Iterable[Iterable[float]], intervals: Iterable[Interval | None], around: float | None = None
) -> Interval:
    """Return a range that holds all values, all intervals and `around`, with a little margin."""
    ends = [float(value) for group in values for value in group] + [end for each in intervals if each for end in each]
    ends += [] if around is None else [around]
    if not ends:
        return 0.0, 100.0
    low, high = min(ends), max(ends)
    air = 0.06 * (high - low) or 0.5
    return low - air, high + air


def percent_limits(limit: Interval) -> Interval:
    """Return the range of a share's axis: an interval may exceed 0 to 100, the axis need not."""
    return max(limit[0], -2.0), min(limit[1], 102.0)


def scaled_values(axes: Axes, values: Sequence[float]) -> np.ndarray:
    """Return numbers as the horizontal axis spaces them."""
    return np.log2(values) if axes.get_xscale() == "log" else np.array(values, dtype=float)


def value_ticks(
    axes: Axes,
    values: Sequence[float],
    wide: float,
    *,
    falls: bool = False,
    named: Mapping[float, str] | None = None,
) -> None:
    """Set a tick per value, in an axis of `wide` inches; a number too near the previous one is lowered, or left out."""
    values = sorted(set(values))
    at = scaled_values(axes, values)
    air = 0.05 * (at[-1] - at[0]) or 0.5
    low, high = float(at[0] - air), float(at[-1] + air)
    texts = [(named or {}).get(value, f"{value:g}") for value in values]
    shown, ends = [], [-1.0, -1.0]
    for spot, text in sorted(zip(at, texts, strict=True), reverse=falls):
        middle, half = abs(spot - (high if falls else low)) / (high - low) * wide, text_width(text, TICK) / 2 + 0.01
        free = next((line for line, end in enumerate(ends) if middle - half > end), None)
        shown.append("" if free is None else "\n" * free + text)
        if free is not None:
            ends[free] = middle + half + 0.04
    limit = (2**low, 2**high) if axes.get_xscale() == "log" else (low, high)
    axes.set_xlim(*(reversed(limit) if falls else limit))
    axes.set_xticks(values, shown[::-1] if falls else shown)


def points_aside(axes: Axes, values: Sequence[float], count: int, wide: float) -> float:
    """Return the distance in points of two lines' marks at one value: all lines' marks fill half of the room."""
    at = scaled_values(axes, sorted(set(values)))
    low, high = scaled_values(axes, axes.get_xlim())
    nearest = min((b - a for a, b in pairwise(at)), default=abs(high - low))
    return float(min(ASIDE, SPREAD / count, 0.5 * nearest / abs(high - low) * wide * 72 / count))


def log_axis(axes: Axes, values: Sequence[Any], axis: str = "y") -> None:
    """Make an axis logarithmic and let it hold all values above 0; if there are none, it stays as it is."""
    flat = np.concatenate([np.ravel(each) for each in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not len(flat):
        return
    low, high = float(flat.min()), float(flat.max())
    chosen = axes.yaxis if axis == "y" else axes.xaxis
    getattr(axes, f"set_{axis}scale")("log", nonpositive="mask")
    air = max((high / low) ** 0.06, 1.15)
    getattr(axes, f"set_{axis}lim")(low / air, high * air)
    decades = np.log10(high / low)
    chosen.set_major_locator(
        LogLocator(subs=(1,) if decades > 2 else (1, 2, 5) if decades > 0.7 else (1, 1.5, 2, 3, 5, 7), numticks=9)
    )
    chosen.set_major_formatter(
        lambda value, _: f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}".replace("e-0", "e-")
    )
    chosen.set_minor_locator(NullLocator())
