"""Optimizers: their paths on two surfaces, at the rates that were tuned there."""

import json
from functools import cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optimizer_paths.looks import drawn
from optimizer_paths.options import maker, needs_closure
from optimizer_paths.picture import contours
from optimizer_paths.surface import surfaces
from optimizer_paths.tuning import chosen, tried
from optimizer_paths.walk import Walk, walks

from manual.options import ROOT, Option, of_axis
from manual.pictures.drawing import BLUE, GREY, place_axes, sheet, style

SURFACES = ("ravine", "beale")
FOUND = ROOT / "results" / "optimizer_paths" / "findings.json"


SAME = {"gradient_descent": "sgd"}
"""On a function of two numbers, which has no batches."""

OF_MATRICES = ("muon", "soap")
"""They treat two numbers as they treat a bias."""


@cache
def walked(name: str) -> dict[str, Walk]:
    """Every optimizer's path over a surface, without weight decay, at its rate of findings.json, or at that which the
    same rule finds.
    """
    about = json.loads(FOUND.read_text())["surfaces"][name]
    rates = {optimizer: float(path["rate"]) for optimizer, path in about["paths"]["tuned"].items()}
    surface, steps = surfaces()[name], int(about["steps"])
    start = (surface.start[0], surface.start[1] + surface.offset)
    plain = {each.name: {**each.node, "weight_decay": 0.0} for each in of_axis("optimizer") if draws(each)}
    for optimizer, node in plain.items():
        if optimizer not in rates:
            rates[optimizer] = chosen(tried(surface, start, node, steps))
    return walks(surface, start, {each: (rates[each], maker(node, rates[each])) for each, node in plain.items()}, steps)


def draws(option: Option) -> bool:
    """Whether paths show an optimizer: not one whose step asks for the loss again, or that is another one here."""
    return option.name not in (*SAME, *OF_MATRICES) and not needs_closure(option.node)


def trace(axes: Axes, name: str, own: str) -> None:
    """The map of a surface and all paths, one of them blue."""
    surface = surfaces()[name]
    contours(axes, surface)
    for optimizer, walk in walked(name).items():
        if optimizer != own:
            axes.plot(*drawn(walk, surface).T, color=GREY, lw=0.6, alpha=0.55, zorder=3)
    walk = walked(name)[own]
    points = drawn(walk, surface)
    axes.plot(*points.T, color=BLUE, lw=1.5, zorder=5)
    axes.plot(*points[:60].T, ".", ms=4, color=BLUE, zorder=5)
    axes.plot(*points[0], "o", ms=6, mfc="white", mec=BLUE, mew=1.5, zorder=6)
    arrived = "not at the goal" if walk.arrived is None else f"at the goal at step {walk.arrived}"
    axes.set_title(f"{name}, lr {walk.rate:g}: {arrived}", loc="left", fontsize=8.5)
    axes.set_xlabel("")
    axes.set_ylabel("")


def paths(option: Option) -> Figure:
    """The optimizer's path (blue, its first 60 steps as dots) from the ring to the minimum (star) on an
    ill-conditioned ravine and on Beale's function, at the learning rate that is its best there of a grid
    (docs/optimizer_paths.md), without weight decay. Right: the loss by step on both; the dashed line is the goal.
    The other optimizers, at their own best rates, are grey."""
    shown = SAME.get(option.name, option.name)
    with style():
        figure = sheet(3.0)
        for left, name in zip((0.35, 3.35), SURFACES, strict=True):
            trace(place_axes(figure, left, 0.3, 2.65, 2.4), name, shown)
        for top, name in zip((0.3, 1.72), SURFACES, strict=True):
            axes = place_axes(figure, 6.75, top, 2.1, 0.98)
            for optimizer, walk in sorted(walked(name).items(), key=lambda pair: pair[0] == shown):
                own = optimizer == shown
                color, width = (BLUE, 1.8) if own else ("#c4c4c4", 0.7)
                axes.plot(range(1, len(walk.losses) + 1), walk.losses.clip(1e-8), color=color, lw=width)
            axes.axhline(surfaces()[name].goal, color=GREY, lw=0.9, ls=(0, (2, 2)))
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(1, len(walked(name)[shown].losses))
            axes.set_ylim(1e-7, 300)
            axes.set_yticks([1e-6, 1e-3, 1], ["10⁻⁶", "10⁻³", "1"])
            axes.set_xticks([1, 10, 100], ["1", "10", "100"])
            axes.minorticks_off()
            axes.set_title(f"loss by step, {name}", loc="left", fontsize=8.5)
    return figure
