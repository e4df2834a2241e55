"""Noise on activations."""

import numpy as np
import torch
from matplotlib.figure import Figure

from dropgrid import streams
from dropgrid.plotting.style import GREEN, VERMILLION
from dropgrid.sites import Site
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, place_axes, schedules, sheet, style

SITE = Site("layer1", "hidden", 1, 2, 1, 2, True)
DRAWS = 4000


def activation_noise(option: Option) -> Figure:
    """Left: what a unit of three values gives with kind=gaussian at the default std, in 4,000 draws each. Middle:
    binary units; a unit of value p is 0 or 1 (dots), 1 in a share p of the draws (line), and its gradient is as if it
    were p. Right: std over training."""
    with style():
        figure = sheet(2.5)
        axes = place_axes(figure, 0.5, 0.4, 3.0, 1.6)
        gaussian = option.built()(SITE)
        edges = np.linspace(-1.2, 3.2, 89).tolist()
        for value, color in ((0.0, BLUE), (1.0, VERMILLION), (2.0, GREEN)):
            gaussian.advance_hashed(gaussian.full_level, streams.key(0, "regularizer", value))
            out = gaussian(torch.full((DRAWS, 1), value))[:, 0]
            axes.hist(out.numpy(), edges, color=color, alpha=0.75)
            axes.axvline(value, color=color, lw=1)
        axes.set_title(f"kind=gaussian, std {gaussian.full_level:g}", loc="left", fontsize=9)
        axes.set_xlabel("output of a unit of value 0, 1, 2")
        axes.set_yticks([])
        axes = place_axes(figure, 4.0, 0.4, 2.6, 1.6)
        binary = option.built(kind="binary")(SITE)
        binary.advance_hashed(binary.full_level, streams.key(0, "regularizer", 0))
        values = torch.linspace(0, 1, 41).expand(DRAWS, -1).clone().requires_grad_()
        out = binary(values)
        (slope,) = torch.autograd.grad(out.sum(), values)
        assert bool((slope == 1).all()), "straight through"
        few = out[:6].detach().flatten()
        axes.plot(values[:6].detach().flatten(), few, "o", ms=2.5, color=GREY, alpha=0.6, mew=0)
        axes.plot(values[0].detach(), out.mean(0).detach(), color=BLUE, lw=1.6)
        axes.set_title("kind=binary", loc="left", fontsize=9)
        axes.set_xlabel("value p of the unit")
        axes.set_yticks([0, 0.5, 1])
        axes = place_axes(figure, 7.3, 0.6, 1.35, 1.4)
        schedules(axes, {"": (gaussian, option.built(schedule="linear")(SITE))}, "std")
    return figure
