"""Norms: which values share their statistics, and what becomes of values and weights."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor, nn

from dropgrid.plotting.style import VERMILLION
from manual.options import Option
from manual.pictures.digits import digits
from manual.pictures.drawing import BLUE, GREY, PALE, SKY, place_axes, sheet, style

EXAMPLES, CHANNELS, SIDE = 5, 8, 3
CELLS = SIDE * SIDE
DEEP = (0.5, 0.42)
"""How far to the right and up the next example stands behind one."""


def after(option: Option, channels: int, **changes: Any) -> nn.Module:
    """What the option puts after a convolution."""
    norm: nn.Module = option.built(**changes)(
        lambda bias: nn.Conv2d(1, channels, 1, bias=bias, device="meta"), channels
    )[1]
    return norm


def reach(norm: nn.Module) -> Tensor:
    """bool (examples, channels, cells): the inputs on which an output depends, that of example 1, the last channel and
    the first cell, by its gradient."""
    values = torch.randn(EXAMPLES, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (slope,) = torch.autograd.grad(norm(values)[0, -1, 0, 0], values)
    return (slope.abs() > 1e-8).flatten(2)


def block(axes: Axes, touched: Tensor) -> None:
    """Three faces of (examples, channels, cells): channels to the right, cells down, examples to the back."""

    def spot(channel: float, cell: float, example: float) -> tuple[float, float]:
        return channel + DEEP[0] * example, -0.72 * cell + DEEP[1] * example

    def face(corners: list[tuple[float, float, float]], at: tuple[int, int, int], shade: float) -> None:
        itself = at == (0, CHANNELS - 1, 0)
        color = VERMILLION if itself else BLUE if touched[at] else "#ececec"
        own: Any = {"facecolor": color, "alpha": shade if touched[at] else 1, "edgecolor": "white", "linewidth": 0.8}
        axes.add_patch(Polygon([spot(*each) for each in corners], **own))

    for n in range(EXAMPLES):
        for c in range(CHANNELS):
            face([(c, 0, n), (c + 1, 0, n), (c + 1, 0, n + 1), (c, 0, n + 1)], (n, c, 0), 0.6)
        for k in range(CELLS):
            side = CHANNELS
            face([(side, k, n), (side, k, n + 1), (side, k + 1, n + 1), (side, k + 1, n)], (n, CHANNELS - 1, k), 0.8)
    for c in range(CHANNELS):
        for k in range(CELLS):
            face([(c, k, 0), (c + 1, k, 0), (c + 1, k + 1, 0), (c, k + 1, 0)], (0, c, k), 1)
    axes.set_xlim(-0.9, CHANNELS + DEEP[0] * EXAMPLES + 0.2)
    axes.set_ylim(-0.72 * CELLS - 1.3, DEEP[1] * EXAMPLES + 0.2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    small: dict[str, Any] = {"fontsize": 7.5, "color": GREY}
    axes.text(CHANNELS / 2, -0.72 * CELLS - 0.25, "C, channels", ha="center", va="top", **small)
    axes.text(-0.25, -0.36 * CELLS, "H·W, cells", ha="right", va="center", rotation=90, **small)
    middle = spot(0, 0, EXAMPLES / 2)
    axes.text(middle[0] - 0.35, middle[1] + 0.25, "N", ha="right", va="center", **small)


def features() -> Tensor:
    """(8, 8, 12, 12): what a convolution of unlike channels gives for eight noisy digits of growing contrast."""
    generator = torch.Generator().manual_seed(1)
    noise = 0.7 * torch.randn(8, 1, 28, 28, generator=generator)
    images = (digits().images + noise) * torch.linspace(0.5, 1.5, 8).view(-1, 1, 1, 1)
    sizes = 0.12 * torch.linspace(0.4, 1.4, CHANNELS).view(-1, 1, 1, 1)
    weight = sizes * torch.randn(CHANNELS, 1, 5, 5, generator=generator)
    shift = torch.linspace(-2, 2, CHANNELS)
    return nn.functional.conv2d(images, weight, shift, stride=2)


def drawn(option: Option, **changes: Any) -> Figure:
    """Blocks in training and in inference, histograms, means and deviations."""
    with style():
        figure = sheet(2.75)
        norm = after(option, CHANNELS, **changes)
        for left, mode in ((0.1, True), (2.3, False)):
            axes = place_axes(figure, left, 0.35, 2.05, 2.3)
            block(axes, reach(norm.train(mode)))
            axes.set_title("in training" if mode else "in inference", loc="left", fontsize=9)
        values = features()
        with torch.no_grad():
            normed = after(option, CHANNELS, **changes)(values)
        for top, what, found in ((0.3, "before", values), (1.5, "after", normed)):
            axes = place_axes(figure, 4.6, top, 1.9, 0.85)
            for channel, color in zip((0, 2, 4, 6), (SKY, BLUE, VERMILLION, GREY), strict=True):
                counts = torch.histc(found[:, channel], 40, -4, 4)
                axes.stairs(counts / counts.sum(), torch.linspace(-4, 4, 41).numpy(), color=color, lw=1.3)
            axes.set_xlim(-4, 4)
            axes.set_ylim(bottom=0)
            axes.set_yticks([])
            axes.set_title(f"values {what}, 4 channels", loc="left", fontsize=8)
        axes = place_axes(figure, 7.2, 0.3, 1.65, 2.05)
        for found, how in ((values, {"mfc": "white", "mec": GREY}), (normed, {"color": BLUE, "mew": 0, "alpha": 0.7})):
            flat = found.flatten(2)
            axes.plot(flat.mean(2).flatten(), flat.std(2).flatten(), "o", ms=3.6, **how)
        axes.set_title("each example's channels", loc="left", fontsize=8)
        axes.set_xlabel("mean", labelpad=1)
        axes.set_ylabel("deviation", labelpad=1)
        axes.set_xlim(-4, 4)
        axes.set_ylim(0, 2.6)
    return figure


def normalized(option: Option) -> Figure:
    """A block of N examples, C channels and H·W cells, and the values (blue) on which one output (orange, in the
    front corner) depends, found by its gradient: those whose mean and deviation it is normalized with. In the
    middle the values of four channels of a convolution on eight noisy digits, before and after, in training. Right:
    mean and deviation of each channel in each example, before (open) and after (blue)."""
    return drawn(option)


def grouped(option: Option) -> Figure:
    """A block of N examples, C channels and H·W cells, in two groups of four channels here, and the values (blue)
    on which one output (orange, in the front corner) depends, found by its gradient: those whose mean and deviation
    it is normalized with. In the middle the values of four channels of a convolution on eight noisy digits, before
    and after. Right: mean and deviation of each channel in each example, before (open) and after (blue)."""
    return drawn(option, groups=2)


def weighed(option: Option, uses: tuple[int, ...]) -> Figure:
    """Lengths of units and singular values of a layer's weights, before and after so many uses in training."""
    generator = torch.Generator().manual_seed(0)
    weight = 0.35 * torch.randn(16, 32, generator=generator) * torch.linspace(0.3, 1.4, 16)[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer, _ = option.built()(lambda bias: nn.Linear(32, 16, bias=bias), 16)
    with torch.no_grad():
        layer.weight = torch.nn.functional.normalize(weight, dim=1)
        beneath = max(layer.parametrizations.weight.parameters(), key=lambda each: each.numel())
        beneath.copy_(weight)
        found = {}
        for use in range(1, max(uses) + 1):
            now = layer.weight
            if use in uses:
                found[use] = now.clone()
    with style():
        figure = sheet(2.5)
        left, right = place_axes(figure, 0.5, 0.3, 3.9, 1.75), place_axes(figure, 5.0, 0.3, 3.9, 1.75)
        at = range(1, 17)
        for axes, measure in ((left, lambda w: w.norm(dim=1)), (right, torch.linalg.svdvals)):
            axes.plot(at, measure(weight), "o", ms=5, mfc="white", mec=GREY, label="before")
            for (use, now), color in zip(found.items(), (SKY, BLUE) if len(uses) > 1 else (BLUE,), strict=True):
                label = "after" if len(uses) == 1 else f"after, use {use}"
                axes.plot(at, measure(now), "o", ms=4.5, color=color, label=label)
            axes.axhline(1, color=PALE, lw=1, zorder=1)
            axes.set_ylim(bottom=0)
            axes.set_xticks([1, 4, 8, 12, 16])
        left.set_title("length of each unit's weights", loc="left", fontsize=9)
        left.set_xlabel("unit", labelpad=1)
        right.set_title("singular values of the weights", loc="left", fontsize=9)
        right.set_xlabel("rank", labelpad=1)
        right.legend(frameon=False, fontsize=8)
    return figure


def lengths(option: Option) -> Figure:
    """The weights of a linear layer of 32 inputs and 16 units: v of unlike lengths (open), and what the layer
    computes with (blue), g · v / ‖v‖, here at g = 1. Left: each unit's length is g, whatever v's is. Right: the
    singular values, which this does not bound."""
    return weighed(option, (1,))


def standardized(option: Option) -> Figure:
    """The weights of a linear layer of 32 inputs and 16 units as they are kept (open), and as it computes with them
    (blue): with mean 0 and variance 1 in each unit. Left: every unit's weights have the length √32. Right: the singular
    values, which this does not bound. What follows the layer is group norm."""
    return weighed(option, (1,))


def singular(option: Option) -> Figure:
    """The weights of a linear layer of 32 inputs and 16 units as they are kept (open), and as it computes with them
    (blue): over the largest singular value. Left: the units' lengths keep their proportions. Right: the singular
    values; at the first use the estimate is too low and the largest above 1 (light), after 20 uses it is 1."""
    return weighed(option, (1, 20))
