"""Masks on feature maps."""

from typing import Any

import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from dropgrid import streams
from dropgrid.sites import AbstractRandom, Site
from manual.acting import sites_of
from manual.options import Option
from manual.pictures.drawing import INK, bare, panel, place_axes, schedules, sheet, style, write_text

SITE = Site("layer3.0.conv1", "conv", 3, 3, 7, 9)
SIZE = (2, 4, 12, 12)
KEPT = ListedColormap([INK, "#b9d7ea"])


def drawn(option: Option, keep_probs: tuple[float, ...] = (0.9, 0.7), seed: int = 0, **changes: Any) -> Figure:
    """Two rows of maps for each keep_prob, and the schedule beside them."""
    with style():
        figure = sheet(2.45)
        for index, keep_prob in enumerate(keep_probs):
            module = option.built(keep_prob=keep_prob, **changes)(SITE)
            module.advance_hashed(module.full_level, streams.key(seed, "regularizer", index))
            out = module(torch.ones(SIZE))
            left = 0.45 + 3.35 * index
            share = 100 * int(module.dropped) / int(module.seen)
            write_text(figure, left, 0.08, f"keep_prob {keep_prob:g}: {share:.0f} % dropped here", fontsize=9)
            for example in range(SIZE[0]):
                for channel in range(SIZE[1]):
                    corner = (left + 0.8 * channel, 0.55 + 0.85 * example)
                    panel(figure, *corner, 0.75, 0.75, out[example, channel] != 0, cmap=KEPT, vmin=0, vmax=1)
                    if example == 0:
                        write_text(figure, corner[0], 0.36, f"channel {channel + 1}", fontsize=7.5, color=INK)
        for example in range(SIZE[0]):
            write_text(
                figure, 0.08, 1.25 + 0.85 * example, f"example {example + 1}", fontsize=7.5, rotation=90, va="center"
            )
        axes = place_axes(figure, 7.45, 0.62, 1.0, 1.5)
        if "schedule" in option.node:
            schedules(axes, levels(option), "drop_prob")
        else:
            bare(axes)
            axes.set_axis_off()
    return figure


def levels(option: Option) -> dict[str, tuple[Any, Any]]:
    """Of a ResNet-20: a module of each level that there is, with its other schedule."""
    other = "constant" if option.node["schedule"] == "linear" else "linear"
    found: dict[float, tuple[str, Any, Any]] = {}
    for site in sites_of("ResNet-20"):
        own = option.built()(site)
        if isinstance(own, AbstractRandom):
            found.setdefault(own.full_level, (f"group {site.group}", own, option.built(schedule=other)(site)))
    several = len(found) > 1
    return {label if several else "": (own, changed) for label, own, changed in found.values()}


def units(option: Option) -> Figure:
    """Masks on maps of 12×12 cells, of four channels and two examples, at two values of keep_prob: each unit is dropped
    (dark) or kept for itself, and no two maps are alike. Right: drop_prob over training."""
    return drawn(option)


def channels(option: Option) -> Figure:
    """Masks on maps of 12×12 cells, of four channels and two examples, at two values of keep_prob: a channel is dropped
    (dark) or kept as a whole, for each example anew. Right: drop_prob over training."""
    return drawn(option, seed=3)


def blocks(option: Option) -> Figure:
    """Masks on maps of 12×12 cells, of four channels and two examples, at two values of keep_prob, blocks of 4×4: what
    is dropped (dark) hangs together, blocks overlap, and each lies inside the map. Right: drop_prob over training in a
    ResNet-20, the last group's and, a quarter of it, that of the group before."""
    return drawn(option, block_size=4)
