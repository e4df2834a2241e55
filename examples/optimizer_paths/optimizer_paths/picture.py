"""The picture of one surface: paths over its contours, the way to the goal by step, and which statements hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dropgrid.plotting.style import GREEN, GREY, INK, VERMILLION, empty_figure, place_axes, style
from dropgrid.plotting.text import text_height, wrap, write_text
from optimizer_paths.looks import alike, drawn, looks, marked
from optimizer_paths.options import WITHOUT_RATE
from optimizer_paths.paths import Paths
from optimizer_paths.statements import Finding, Statement
from optimizer_paths.surface import Surface
from optimizer_paths.walk import Walk

WIDTH, MARGIN, MAP, HIGH = 11.0, 0.3, 5.6, 5.3
LEGEND = 0.23
"""Inches of a line of the legend."""

COLOURS = {True: GREEN, False: VERMILLION, None: GREY}
Judged = Sequence[tuple[Statement, Finding]]
Look = Mapping[str, tuple[str, str, Any]]


def picture(paths: Paths, judged: Judged) -> Figure:
    """Map, legend and curves side by side, the statements below."""
    with style():
        look = looks(list(paths.walks))
        told = [wrap(f"{said.said}: {found.reading}", WIDTH - 2 * MARGIN - 1.3) for said, found in judged]
        below = sum(text_height(text, 9, 1.3) + 0.06 for text in told)
        figure = empty_figure(WIDTH, 1.05 + HIGH + 0.6 + below + 0.15)
        write_text(figure, MARGIN, MARGIN, f"{paths.surface.title}, {regime(paths)}", fontsize=13, fontweight="bold")
        write_text(figure, MARGIN, 0.58, about(paths), fontsize=8.5, color=GREY)
        axes = place_axes(figure, MARGIN + 0.35, 1.05, MAP, HIGH)
        contours(axes, paths.surface)
        trace(axes, paths, look)
        left = MARGIN + 0.35 + MAP + 0.3
        deep = legend(figure, paths, look, left, 1.05)
        curves(place_axes(figure, left + 0.5, 1.3 + deep, WIDTH - MARGIN - left - 0.5, HIGH - deep - 0.25), paths, look)
        top = 1.05 + HIGH + 0.55
        for (_, found), text in zip(judged, told, strict=True):
            write_text(figure, MARGIN, top, found.verdict, fontsize=9, fontweight="bold", color=COLOURS[found.holds])
            write_text(figure, MARGIN + 1.15, top, text, fontsize=9, linespacing=1.3)
            top += text_height(text, 9, 1.3) + 0.06
    return figure


def regime(paths: Paths) -> str:
    """How the rates were chosen."""
    return "each at its tuned rate" if paths.rate is None else f"all at one rate of {paths.rate:g}"


def about(paths: Paths) -> str:
    """Formula, start, offset, goal, bound of the steps."""
    x, y = paths.start
    offset = f", offset {paths.offset:g} in y" if paths.offset else ""
    apart = [name for name in WITHOUT_RATE if name in paths.walks] if paths.rate is not None else []
    rates = "".join(f"; {name}, whose paper has no rate, at {paths.walks[name].rate:g}" for name in apart)
    return (
        f"{paths.surface.formula}; from ({x:g}, {y:g}){offset}; goal: {paths.surface.aim}, to stay; "
        f"{paths.steps:,} steps{rates}"
    )


def contours(axes: Axes, surface: Surface) -> None:
    """The function in pale greys, its lines a constant factor apart where it is logarithmic."""
    left, right, bottom, top = surface.window
    x, y = np.linspace(left, right, 401), np.linspace(bottom, top, 401)
    up, across = torch.meshgrid(torch.from_numpy(y), torch.from_numpy(x), indexing="ij")
    with torch.no_grad():
        heights = surface.function(across, up).numpy()
    if surface.logarithmic:
        heights = np.log10(np.maximum(heights, 1e-3))
    levels = np.linspace(heights.min(), heights.max(), 23)
    axes.contourf(x, y, heights, levels=levels, cmap="Greys_r", vmin=2 * levels[0] - levels[-1], alpha=0.35)
    axes.contour(x, y, heights, levels=levels, colors="#b9b9b9", linewidths=0.5, linestyles="solid")
    if surface.minimum is not None:
        axes.plot(*surface.minimum, marker="*", markersize=15, color="white", mec=INK, mew=1.1, zorder=6)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.grid(visible=False)
    axes.set_xlabel("x", labelpad=1)
    axes.set_ylabel("y", labelpad=1)


def trace(axes: Axes, paths: Paths, look: Look) -> None:
    """Each path as a line with marks, and a large mark where it ends."""
    for names in alike(paths.walks):
        points = drawn(paths.walks[names[0]], paths.surface)
        colour, marker, dash = look[names[0]]
        given: dict[str, Any] = {"color": colour, "marker": marker, "mec": "white", "zorder": 4}
        every = marked(points, paths.surface)
        axes.plot(*points.T, linestyle=dash, linewidth=1.5, markersize=5, mew=0.5, markevery=every, **given)
        axes.plot(*points[-1], markersize=9, mew=0.9, **{**given, "zorder": 5})
    axes.plot(*paths.begin, marker="o", markersize=9, color="white", mec=INK, mew=1.6, zorder=7)


def outcome(walk: Walk, surface: Surface) -> str:
    """What a path did, in words."""
    if walk.arrived is not None:
        return f"there after {walk.arrived:,} step{'' if walk.arrived == 1 else 's'}"
    if walk.stopped is not None:
        return f"diverged at step {walk.stopped:,}"
    return f"not there: {surface.gauged} {walk.gauges[-1]:.2g}"


def legend(figure: Figure, paths: Paths, look: Look, left: float, top: float) -> float:
    """A line for each path: its look, names, rate, and what it did; the inches that this took."""
    width, height = figure.get_size_inches()
    groups = alike(paths.walks)
    for number, heading in ((0.0, "optimizer"), (1.75, "rate"), (2.45, "what it did")):
        write_text(figure, left + (number or 0.5), top - 0.04, heading, fontsize=8, color=GREY)
    for number, names in enumerate(groups, start=1):
        walk = paths.walks[names[0]]
        colour, marker, dash = look[names[0]]
        y, xs = 1 - (top + LEGEND * number + 0.07) / height, [left / width, (left + 0.4) / width]
        given: dict[str, Any] = {"color": colour, "transform": figure.transFigure}
        figure.add_artist(Line2D(xs, [y, y], linestyle=dash, linewidth=1.7, **given))
        figure.add_artist(Line2D([sum(xs) / 2], [y], marker=marker, markersize=6.5, mec="white", mew=0.8, **given))
        at, row = top + LEGEND * number + 0.07, {"fontsize": 9, "va": "center"}
        write_text(figure, left + 0.5, at, " = ".join(names), **row)
        write_text(figure, left + 1.75, at, f"{walk.rate:g}", **row)
        colour = VERMILLION if walk.diverged else INK if walk.arrived is not None else GREY
        write_text(figure, left + 2.45, at, outcome(walk, paths.surface), color=colour, **row)
    return LEGEND * (len(groups) + 1) + 0.1


def curves(axes: Axes, paths: Paths, look: Look) -> None:
    """The gauge by step, both logarithmic, and the goal."""
    surface = paths.surface
    high = max(walk.gauges[0] for walk in paths.walks.values())
    low = min(1e-3, surface.goal / 30) if not surface.above else min(high, surface.goal) / 2
    for order, names in enumerate(alike(paths.walks)):
        walk = paths.walks[names[0]]
        colour, marker, dash = look[names[0]]
        steps = np.arange(1, walk.steps + 2)
        every = sorted({int(each) for each in np.geomspace(1.2 + 0.12 * order, len(steps), 8)} - {0, len(steps)})
        given: dict[str, Any] = {"color": colour, "linestyle": dash, "marker": marker, "mec": "white"}
        gauges = np.clip(walk.gauges, low / 100, high * 1e6)
        axes.plot(steps, gauges, linewidth=1.3, markersize=4.5, mew=0.4, markevery=every, **given)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1, max(walk.steps for walk in paths.walks.values()) + 2)
    axes.set_ylim(low, (surface.goal * 3 if surface.above else high * 10))
    axes.axhline(surface.goal, color=GREY, linestyle=(0, (2, 2)), linewidth=1)
    axes.text(1.1, surface.goal, "goal", color=GREY, fontsize=8, va="bottom")
    axes.set_xlabel("step + 1", labelpad=1)
    axes.set_ylabel(surface.gauged, labelpad=1)
