"""Optimizers that no path on a surface of two numbers shows: SAM in one weight, Muon and SOAP on a matrix."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from dropgrid.plotting.style import VERMILLION
from manual.acting import loaded
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, INK, place_axes, sheet, style

RHO, START, MOMENTUM = 0.35, -1.9, 0.8


class One(nn.Module):
    """A network of one weight."""

    def __init__(self, value: float):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([value]))


def loss(w: Tensor) -> Tensor:
    """A narrow valley at -1.1 in a slope towards a wide one at 1."""
    return 0.12 * (w - 1.0) ** 2 - 0.4 * torch.exp(-0.5 * ((w + 1.1) / 0.1) ** 2) + 0.05


def trained(make: Callable[[nn.Module], torch.optim.Optimizer], steps: int) -> list[float]:
    """The weight after each step."""
    net = One(START)
    optimizer = make(net)
    path = [START]

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss(net.w).sum()
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
        path.append(float(net.w.detach()))
    return path


def sam(option: Option) -> Figure:
    """Left: a loss with a narrow valley and a wide one, and a step: the gradient is not taken at w (open) but where the
    loss is higher, rho further uphill (filled). Right: the loss that this lowers, the highest within rho (dashed), has
    no narrow valley. From the same start, at the same learning rate and momentum, SGD stays in it (orange), and SAM
    ends in the wide one (blue); the dots are its steps, lifted off the line."""
    about = {"lr": 0.05, "momentum": MOMENTUM, "weight_decay": 0.0}
    with style():
        figure = sheet(2.8)
        line = torch.linspace(-2.2, 2.6, 481)
        height = loss(line)
        axes = place_axes(figure, 0.45, 0.3, 4.0, 2.1)
        axes.plot(line, height, color=INK, lw=1.3)
        here = -1.24
        probe = One(here)
        seen: list[float] = []
        optimizer = option.built(**about, rho=RHO)(probe)

        def closure() -> Any:
            optimizer.zero_grad()
            seen.append(float(probe.w.detach()))
            value = loss(probe.w).sum()
            value.backward()
            return value

        optimizer.step(closure)
        at = torch.tensor(seen)
        axes.plot(at[0], loss(at[0]), "o", ms=7, mfc="white", mec=BLUE, mew=1.6, zorder=4)
        axes.plot(at[1], loss(at[1]), "o", ms=7, color=BLUE, zorder=4)
        start, end = ((float(each), float(loss(each))) for each in at)
        bent = {"arrowstyle": "->", "color": BLUE, "connectionstyle": "arc3,rad=-0.3"}
        axes.annotate("", end, start, arrowprops=bent)
        slope = float(torch.func.grad(loss)(at[1]))
        reach = np.array([-0.4, 0.4])
        axes.plot(end[0] + reach, end[1] + slope * reach, color=VERMILLION, lw=1.6)
        tip = (end[0] + reach[1], end[1] + slope * reach[1])
        named: dict[str, Any] = {"xytext": (6, 4), "textcoords": "offset points", "fontsize": 8, "color": VERMILLION}
        axes.annotate("the gradient used", tip, **named)
        axes.set_title(f"one step, rho {RHO:g}", loc="left", fontsize=9)
        axes.set_xlabel("w", labelpad=1)
        axes = place_axes(figure, 4.9, 0.3, 3.9, 2.1)
        near = torch.linspace(-RHO, RHO, 141)
        worst = loss(line[:, None] + near).amax(1)
        axes.plot(line, height, color=INK, lw=1.3, label="loss")
        axes.plot(line, worst, color=GREY, lw=1.2, ls=(0, (3, 2)), label="highest within rho")
        plain = trained(lambda net: loaded("optimizer", "momentum", **about)(net), 400)
        aware = trained(lambda net: option.built(**about, rho=RHO)(net), 400)
        for path, color, lift, name in ((plain, VERMILLION, 0.03, "SGD"), (aware, BLUE, 0.06, "SAM")):
            points = torch.tensor(path[::4])
            axes.plot(points, loss(points) + lift, ".", ms=3, color=color)
            axes.plot(points[-1], loss(points[-1]) + lift, "o", ms=7, color=color, label=f"{name} ends")
        axes.set_title("400 steps", loc="left", fontsize=9)
        axes.set_xlabel("w", labelpad=1)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def muon(option: Option) -> Figure:
    """Left: the singular values of the gradient of a hidden weight, 24×48 random numbers with four strong directions.
    Right: those of the step that Muon takes of it, in units of the learning rate: all directions, weak ones too, move
    about alike."""
    generator = torch.Generator().manual_seed(0)
    strong = torch.randn(24, 4, generator=generator) @ torch.randn(4, 48, generator=generator)
    gradient = strong + 0.3 * torch.randn(24, 48, generator=generator)
    hidden, last = nn.Linear(48, 24, bias=False), nn.Linear(24, 2, bias=False)
    before = hidden.weight.detach().clone()
    optimizer = option.built(weight_decay=0.0)(nn.Sequential(hidden, last))
    hidden.weight.grad, last.weight.grad = gradient.clone(), torch.zeros_like(last.weight)
    optimizer.step()
    step = (before - hidden.weight.detach()) / option.node["lr"]
    with style():
        figure = sheet(2.6)
        for left, matrix, title in ((0.5, gradient, "the gradient"), (4.9, step, "the step, of lr")):
            axes = place_axes(figure, left, 0.4, 3.9, 1.8)
            axes.bar(range(1, 25), torch.linalg.svdvals(matrix), color=BLUE)
            axes.set_title(f"singular values of {title}", loc="left", fontsize=9)
            axes.set_xlabel("from the largest", labelpad=1)
    return figure


def soap(option: Option) -> Figure:
    """Left: the mean of g gᵀ over 40 gradients of a 24×48 weight, four of whose directions are strong: its rows vary
    together. Right: the same of the gradients in the basis that SOAP has found in them, as its state holds it, from the
    strongest direction: almost a diagonal, so that Adam's one step size per number fits. Shades are shares of the
    largest value."""
    generator = torch.Generator().manual_seed(0)
    strong = torch.randn(24, 4, generator=generator)
    weight = nn.Linear(48, 24, bias=False)
    optimizer = option.built(weight_decay=0.0)(weight)
    gradients = [
        strong @ torch.randn(4, 48, generator=generator) + 0.5 * torch.randn(24, 48, generator=generator)
        for _ in range(40)
    ]
    for gradient in gradients:
        weight.weight.grad = gradient.clone()
        optimizer.step()
    basis: Tensor = optimizer.state[weight.weight]["Q"][0]
    with style():
        figure = sheet(3.0)
        for left, turned, title in (
            (1.0, gradients, "its own axes"),
            (5.2, [basis.T @ g for g in gradients], "SOAP's"),
        ):
            together = torch.stack([each @ each.T for each in turned]).mean(0).abs()
            axes = place_axes(figure, left, 0.35, 2.5, 2.5)
            axes.imshow(together / together.max(), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"rows of the gradient, in {title}", loc="left", fontsize=9)
    return figure
