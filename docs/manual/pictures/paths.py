"""Paths through a network that DropPath leaves, and ShakeDrop shakes."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dropgrid import streams
from dropgrid.models.blocks import ConvLayer
from dropgrid.models.fractal import FractalNet
from dropgrid.sites import drops
from manual.acting import loaded, sites_of
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, INK, PALE, bare, panel, place_axes, sheet, style, write_text

KEPT = ListedColormap([INK, "#b9d7ea"])
EXAMPLES, SHOWN, COLUMNS = 40, 4, 3


def drop_path(option: Option) -> Figure:
    """Above: blocks of a ResNet-20 (rows) by examples of a batch (columns) at keep_prob 0.5, dropped branches dark;
    with depth=linear deeper blocks are dropped more often. Below: the layers of a FractalNet's block that are used
    (blue) for four examples at keep_prob 0.5: locally each join drops paths of its own and always keeps one; globally
    one column is kept from end to end."""
    with style():
        figure = sheet(4.6)
        for index, depth in enumerate(("linear", "constant")):
            mask = branches(option, depth)
            left = 0.45 + 4.45 * index
            write_text(figure, left, 0.08, f"ResNet-20, depth={depth}")
            axes = panel(figure, left, 0.32, 3.95, 1.35, mask, cmap=KEPT, vmin=0, vmax=1)
            axes.set_yticks([0, 8], ["1", "9"])
            axes.set_ylabel("block", fontsize=8, labelpad=-3)
            axes.set_xlabel(f"{EXAMPLES} examples", fontsize=8)
            edges(axes, *mask.shape)
        for index, mode in enumerate(("local", "global")):
            left = 0.45 + 4.45 * index
            write_text(figure, left, 2.2, f"FractalNet, mode={mode}")
            used = fractal(option, mode)
            for example in range(SHOWN):
                axes = place_axes(figure, left + 1.0 * example, 2.5, 0.92, 1.95)
                block(axes, {name: bool(each[example]) for name, each in used.items()})
    return figure


def shakedrop(option: Option) -> Figure:
    """What a ResNet-20's residual branches (rows) are multiplied by in 40 steps (columns) with level=batch
    at the default keep_prob: forward by α (left; red is below 0), backward by β (right). White is 1, not shaken;
    deeper blocks are shaken more often, and both factors of a shaken branch are drawn on their own."""
    with style():
        figure = sheet(2.0)
        found = shaken(option)
        for index, (title, values) in enumerate(zip(("forward: α", "backward: β"), found, strict=True)):
            left = 0.45 + 4.45 * index
            write_text(figure, left, 0.08, f"ResNet-20, {title}")
            axes = panel(figure, left, 0.32, 3.95, 1.35, values, cmap="RdBu", vmin=-1, vmax=1)
            axes.images[0].set_data(values.masked_fill(values == 1, float("nan")))
            axes.set_yticks([0, 8], ["1", "9"])
            axes.set_ylabel("block", fontsize=8, labelpad=-3)
            axes.set_xlabel(f"{EXAMPLES} steps", fontsize=8)
            edges(axes, *values.shape)
    return figure


def shaken(option: Option) -> tuple[torch.Tensor, torch.Tensor]:
    """The factors (blocks, steps) of a ResNet-20's branches, forward and backward."""
    rows = []
    for site in sites_of("ResNet-20"):
        if site.place == "branch":
            module = option.built(level="batch")(site)
            for step in range(EXAMPLES):
                module.advance_hashed(module.full_level, streams.key(0, "regularizer", step, site.name))
                one = torch.ones(1, 1, requires_grad=True)
                out = module(one)
                (slope,) = torch.autograd.grad(out.sum(), one)
                rows.append((float(out.detach()), float(slope)))
    forward, backward = torch.tensor(rows).view(-1, EXAMPLES, 2).unbind(2)
    return forward, backward


def edges(axes: Axes, rows: int, columns: int) -> None:
    """White lines between cells."""
    axes.set_xticks([each - 0.5 for each in range(1, columns)], minor=True)
    axes.set_yticks([each - 0.5 for each in range(1, rows)], minor=True)
    axes.grid(True, which="minor", color="white", linewidth=0.6)
    axes.tick_params(which="minor", length=0)


def branches(option: Option, depth: str) -> Any:
    """bool (blocks, examples): which branches of a ResNet-20 are kept."""
    rows = []
    for site in sites_of("ResNet-20"):
        if site.place == "branch":
            module = option.built(keep_prob=0.5, depth=depth)(site)
            module.advance_hashed(module.full_level, streams.key(0, "regularizer", site.name))
            rows.append(module(torch.ones(EXAMPLES, 1))[:, 0] != 0)
    return torch.stack(rows)


def fractal(option: Option, mode: str) -> dict[str, torch.Tensor]:
    """Layer -> bool (examples,): whether the output depends on it, by its gradient."""
    torch_norm, activation = loaded("norm", "none"), loaded("activation", "elu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = FractalNet(
            widths=[4],
            columns=COLUMNS,
            shape=(1, 6, 6),
            classes=2,
            norm=torch_norm,
            activation=activation,
            sites=[option.built(keep_prob=0.5, depth="constant", mode=mode)],
        )
    for name, module in drops(net).items():
        module.advance_hashed(module.full_level, streams.key(5, "regularizer", module.stream or name))
    outputs: dict[str, torch.Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, ConvLayer):
            keep = lambda _, __, output, name=name: outputs.__setitem__(name.rpartition(".")[2], output)  # noqa: E731
            layer.register_forward_hook(keep)
    images = torch.rand(SHOWN, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    total = net(images).sum()
    slopes = torch.autograd.grad(total, list(outputs.values()))
    return {name: slope.flatten(1).any(1) for name, slope in zip(outputs, slopes, strict=True)}


def block(axes: Axes, used: dict[str, bool]) -> None:
    """A fractal block from top to bottom: a box a layer, those used in blue."""
    bare(axes)
    depth = 2 ** (COLUMNS - 1)
    for name, on in used.items():
        column, _, number = name.removeprefix("column").partition("_")
        span = 2 ** (COLUMNS - 1 - int(column))
        top = int(number) * span
        color = BLUE if on else PALE
        x = int(column) + 0.5
        middle = top + span / 2
        axes.plot([x, x], [top, top + span], color=color, lw=1.8, solid_capstyle="butt", zorder=1 + on)
        axes.add_patch(Rectangle((x - 0.3, middle - 0.2), 0.6, 0.4, facecolor=color, edgecolor="white", zorder=3))
    for end, first in ((0, 0), (2, 1), (4, 0)):
        axes.plot([first + 0.3, COLUMNS - 0.3], [end, end], color=GREY, lw=1.6, zorder=4)
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(depth + 0.15, -0.15)
