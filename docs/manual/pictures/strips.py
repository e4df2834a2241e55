"""Networks: their stages, from the image to the classes."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from manual import nets
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, INK, PALE, place_axes, sheet, style

HIGH = 1.0
"""Of the largest map, in the strip."""


def shown(option: Option) -> list[Option]:
    """The smallest and the largest of the family."""
    by_size = sorted(option.members, key=lambda each: nets.sizes()[each.name])
    return by_size if len(by_size) < 2 else [by_size[0], by_size[-1]]


def short(count: int) -> str:
    """1,234 as 1.2 K."""
    for size, sign in ((1_000_000, " M"), (1000, " K")):
        if count >= size:
            return f"{count / size:.3g}{sign}"
    return str(count)


def box(axes: Axes, left: float, width: float, high: float, color: str) -> None:
    """A block with its middle on the axis, seen a little from the side."""
    back = 0.16 * high
    bottom = -high / 2
    axes.add_patch(Rectangle((left, bottom), width, high, facecolor=color, edgecolor="white", lw=0.8, zorder=3))
    right, top = left + width, high / 2
    lid = [(left, top), (left + back, top + back), (right + back, top + back), (right, top)]
    face = [(right, bottom), (right + back, bottom + back), (right + back, top + back), (right, top)]
    for corners, alpha in ((lid, 0.55), (face, 0.75)):
        axes.add_patch(Polygon(corners, facecolor=color, edgecolor="white", lw=0.8, alpha=alpha, zorder=3))


def strip(figure: Figure, top: float, option: Option) -> None:
    """One network: a box a stage, what leaves it below, its share of the parameters below that."""
    found = nets.stages(option)
    shape, _ = nets.images(option)
    total = nets.sizes()[option.name]
    first = nets.Stage("image", shape, 0, 0)
    axes = place_axes(figure, 0.15, top + 0.25, 8.7, 2.15)
    every = [first, *found]
    slot = 8.7 / max(len(every), 6)
    tallest = max(each.shape[1] for each in every if len(each.shape) > 1)
    widest = max(each.shape[0] for each in every)
    for at, each in enumerate(every):
        side = each.shape[1] if len(each.shape) > 1 else 1
        high = HIGH * math.sqrt(max(side, 1) / tallest) if side > 1 else 0.12
        width = slot * (0.08 + 0.5 * math.log2(1 + each.shape[0]) / math.log2(1 + widest))
        middle = slot * (at + 0.45)
        box(axes, middle - width / 2, width, high, GREY if at == 0 else BLUE)
        layers = f"{each.layers} layer{'s' if each.layers > 1 else ''}" if at else ""
        label = "\n".join([each.name, "×".join(map(str, each.shape)), layers])
        axes.text(middle, -0.68, label, ha="center", va="top", fontsize=7.5, linespacing=1.35)
        if at:
            share = each.parameters / total
            axes.add_patch(Rectangle((middle - 0.3 * slot, -1.44), 0.6 * slot, 0.1, facecolor="#ececec"))
            axes.add_patch(Rectangle((middle - 0.3 * slot, -1.44), 0.6 * slot * share, 0.1, facecolor=INK))
            axes.text(middle, -1.49, f"{short(each.parameters)}", ha="center", va="top", fontsize=7.5, color=INK)
    axes.plot([0.05, 8.6], [0, 0], color=PALE, lw=1, zorder=1)
    axes.set_xlim(0, 8.7)
    axes.set_ylim(-1.65, 0.7)
    axes.set_axis_off()
    axes.set_title(f"{option.name}: {total:,} parameters", loc="left", fontsize=9)


def stages(option: Option) -> Figure:
    """The stages of the network as it is built, from the image to the classes: height by the side of the maps,
    width by the channels; below each its name, channels × height × width of what leaves it, how many layers have
    weights, and its parameters, as a bar of all and as a number. Of a family the smallest and the largest."""
    nets_shown = shown(option)
    with style():
        figure = sheet(0.1 + 2.5 * len(nets_shown))
        for at, each in enumerate(nets_shown):
            strip(figure, 0.05 + 2.5 * at, each)
    return figure
