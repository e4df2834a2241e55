"""Penalties: their shape in two weights, and what they make of a small regression."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from dropgrid.penalties.none import NoPenalty
from dropgrid.plotting.style import VERMILLION
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, INK, place_axes, sheet, style

EXAMPLES, FEATURES, USED = 60, 24, 6
STRENGTHS = {
    "L1": {"strength": 0.15},
    "L2": {"strength": 0.3},
    "Elastic": {"l1": 0.1, "l2": 0.2},
    "MaxNorm": {"radius": 1.0},
}
"""Of the pictures: a regression of 24 weights is not a network of millions."""


def linear(weight: Tensor) -> nn.Linear:
    """A layer of these incoming weights, (units, inputs)."""
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


def of_picture(option: Option) -> tuple[Any, str]:
    """The option as it is drawn, and how."""
    changes = STRENGTHS.get(option.target.__name__, {})
    return option.built(**changes), ", ".join(f"{key}={value:g}" for key, value in changes.items())


def in_two_weights(option: Option) -> Figure:
    """Left: the penalty in two weights, as lines of equal height and arrows along which a step lowers it. Right: the
    weights of a linear regression of 24 inputs, of which only the first 6 matter, without it (open) and with it
    (filled); stronger than in a network, so that it shows."""
    return drawn(option)


def projected(option: Option) -> Figure:
    """Left: weights of two inputs, all too long (open), and where one projection puts them (arrows): on the circle.
    Right: the weights of a linear regression of 24 inputs, of which only the first 6 matter, without it (open) and with
    it (filled); the radius is smaller than in a network, so that it shows."""
    return drawn(option)


def drawn(option: Option) -> Figure:
    """Two panels."""
    with style():
        figure = sheet(2.85)
        axes = place_axes(figure, 0.5, 0.35, 2.1, 2.1)
        penalty, about = of_picture(option)
        shape(axes, penalty)
        axes.set_title(about or option.title, loc="left", fontsize=9)
        axes = place_axes(figure, 3.4, 0.35, 5.4, 2.0)
        regression(axes, penalty)
    return figure


def shape(axes: Axes, penalty: Any) -> None:
    """Contours and descent of a term; points and where a projection puts them."""
    line = np.linspace(-2, 2, 41)
    first, second = np.meshgrid(line, line)
    points = torch.tensor(np.stack([first.ravel(), second.ravel()], 1), dtype=torch.float32)
    with torch.no_grad():
        heights = np.array([float(penalty.term(linear(point[None]))) for point in points]).reshape(first.shape)
    if heights.any():
        axes.contour(line, line, heights, levels=7, colors=GREY, linewidths=0.8)
    sparse = torch.tensor([[x, y] for x in (-1.6, -0.8, 0.8, 1.6) for y in (-1.6, -0.8, 0.8, 1.6)])
    layer = linear(sparse)
    if heights.any():
        (slope,) = torch.autograd.grad(penalty.term(layer), layer.weight)
        steps = -slope / slope.abs().max()
        axes.quiver(*sparse.T, *steps.T, color=BLUE, angles="xy", scale_units="xy", scale=1.9, width=0.011)
    else:
        penalty.project(layer)
        after = layer.weight.detach()
        angle = np.linspace(0, 2 * np.pi, 100)
        axes.plot(penalty.radius * np.cos(angle), penalty.radius * np.sin(angle), color=GREY, lw=0.9)
        axes.plot(*sparse.T, "o", ms=4, mfc="white", mec=INK, mew=0.9)
        axes.quiver(*sparse.T, *(after - sparse).T, color=BLUE, angles="xy", scale_units="xy", scale=1, width=0.011)
    axes.set_xticks([-2, 0, 2])
    axes.set_yticks([-2, 0, 2])
    axes.set_xlabel("weight 1", labelpad=1)
    axes.set_ylabel("weight 2", labelpad=1)


def problem() -> tuple[Tensor, Tensor]:
    """Inputs, of which neighbours resemble each other, and targets with noise."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(EXAMPLES, FEATURES, generator=generator)
    inputs[:, 1::2] = 0.7 * inputs[:, ::2] + 0.7 * inputs[:, 1::2]
    truth = torch.zeros(FEATURES)
    truth[:USED] = torch.tensor([1.2, 0.9, -0.9, 0.6, 0.5, -0.5])
    return inputs, inputs @ truth + 0.8 * torch.randn(EXAMPLES, generator=generator)


def fitted(penalty: Any) -> Tensor:
    """The weights that gradient descent on loss and penalty ends with, a projection after each step."""
    inputs, targets = problem()
    layer = linear(torch.zeros(1, FEATURES))
    for step in range(600):
        loss = 0.5 * (layer(inputs)[:, 0] - targets).square().mean() + penalty.term(layer)
        (slope,) = torch.autograd.grad(loss, layer.weight)
        with torch.no_grad():
            layer.weight -= 0.1 / (1 + step / 60) * slope
        penalty.project(layer)
    return layer.weight.detach()[0]


def regression(axes: Axes, penalty: Any) -> None:
    """Weights with and without."""
    bare, held = fitted(NoPenalty()), fitted(penalty)
    places = np.arange(1, FEATURES + 1)
    axes.axvspan(0.5, USED + 0.5, color="#eef4f8", zorder=0)
    axes.axhline(0, color=GREY, lw=0.8)
    for x, a, b in zip(places, bare, held, strict=True):
        axes.plot([x, x], [a, b], color="#bbbbbb", lw=1)
    small = [int((each.abs() < 0.01).sum()) for each in (bare, held)]
    axes.plot(
        places,
        bare,
        "o",
        ms=4.5,
        mfc="white",
        mec=INK,
        mew=0.9,
        label=f"without: ‖w‖ {bare.norm():.2f}, {small[0]} below 0.01",
    )
    axes.plot(
        places, held, "o", ms=4.5, color=VERMILLION, mew=0, label=f"with: ‖w‖ {held.norm():.2f}, {small[1]} below 0.01"
    )
    axes.set_xlim(0.5, FEATURES + 0.5)
    axes.set_xticks([1, 6, 12, 18, 24])
    axes.set_xlabel("input; the first six matter", labelpad=2)
    axes.set_title("weights of a regression", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper right")
