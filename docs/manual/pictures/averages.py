"""Averages of weights: a noisy descent and its average."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from dropgrid.plotting.style import VERMILLION
from manual.options import Option
from manual.pictures.drawing import BLUE, place_axes, sheet, style

EPOCHS, PER_EPOCH = 10, 24
STEPS = EPOCHS * PER_EPOCH
CURVATURE = torch.tensor([0.3, 1.5])


def descent() -> torch.Tensor:
    """(STEPS + 1, 2): gradient descent at a constant rate on ½ Σ cᵢ wᵢ², its gradients noisy."""
    generator = torch.Generator().manual_seed(1)
    path = [torch.tensor([-3.2, 1.6])]
    for _ in range(STEPS):
        slope = CURVATURE * path[-1] + 1.3 * torch.randn(2, generator=generator)
        path.append(path[-1] - 0.22 * slope)
    return torch.stack(path)


def averaged(built: Any, path: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """After which steps there is an average, and what it is then."""
    kept: list[torch.Tensor] = []
    steps = []
    for step in range(1, STEPS + 1):
        if built.due(step, STEPS, PER_EPOCH):
            if not kept:
                now = path[step].clone()
            else:
                now = kept[-1].clone()
                built.update([now], [path[step]], len(kept))
            kept.append(now)
            steps.append(step)
    return steps, torch.stack(kept)


def loss(weights: torch.Tensor) -> torch.Tensor:
    """½ Σ cᵢ wᵢ²."""
    return 0.5 * (CURVATURE * weights.square()).sum(-1)


def drawn(built: Any, marker: str) -> Figure:
    """The path in the plane, and the loss over the steps."""
    path = descent()
    steps, average = averaged(built, path)
    with style():
        figure = sheet(3.0)
        axes = place_axes(figure, 0.4, 0.3, 4.1, 2.3)
        x, y = np.meshgrid(np.linspace(-3.6, 2.4, 80), np.linspace(-2.1, 2.1, 60))
        height = 0.5 * (float(CURVATURE[0]) * x**2 + float(CURVATURE[1]) * y**2)
        axes.contour(x, y, height, levels=[0.05, 0.2, 0.5, 1, 2, 3.5], colors="#c8c8c8", linewidths=0.8)
        axes.plot(*path.T, color=BLUE, lw=0.7, alpha=0.75)
        axes.plot(*average.T, marker, color=VERMILLION, lw=1.8, ms=5)
        axes.plot(0, 0, "+", color="black", ms=9)
        axes.set_title("two weights", loc="left", fontsize=9)
        axes = place_axes(figure, 5.2, 0.3, 3.6, 2.3)
        axes.plot(range(STEPS + 1), loss(path), color=BLUE, lw=0.7, label="of the weights as training leaves them")
        axes.plot(steps, loss(average), marker, color=VERMILLION, lw=1.8, ms=5, label="of their average")
        axes.set_yscale("log")
        axes.set_ylim(1e-3, 8)
        axes.set_yticks([0.001, 0.01, 0.1, 1], ["0.001", "0.01", "0.1", "1"])
        axes.minorticks_off()
        axes.set_xlabel("step", labelpad=1)
        axes.set_title("loss", loc="left", fontsize=9)
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def ema(option: Option) -> Figure:
    """Gradient descent on a quadratic with noisy gradients at a constant rate (blue), and the average of its weights
    (orange), at decay 0.95 for so short a run: it trails behind at first and is then near the minimum (+), around which
    the weights themselves keep moving."""
    return drawn(option.built(**({"decay": 0.95} if "decay" in option.node else {})), "-")


def swa(option: Option) -> Figure:
    """Gradient descent on a quadratic with noisy gradients at a constant rate (blue), and the mean of its weights at
    the ends of epochs from half of the run on (orange): it is soon nearer to the minimum (+), around which the weights
    themselves keep moving."""
    return drawn(option.built(start=0.5), "o-")
