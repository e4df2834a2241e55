"""Activations: the function and its slope."""

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from manual.measuring import slopes
from manual.options import Option, of_axis
from manual.pictures.drawing import BLUE, PALE, SKY, place_axes, sheet, style

LINE = torch.linspace(-4, 4, 801)
OTHER = {"alpha": 2.0, "negative_slope": 0.2, "init": 0.5}
"""Another value of an argument, drawn beside the default."""


def lines(pair: tuple[Axes, Axes], built: Any, **how: Any) -> None:
    """Function and slope."""
    for axes, values in zip(pair, slopes(built, LINE), strict=True):
        axes.plot(LINE, values, **how)


def bent(option: Option) -> Figure:
    """Left: the activation (blue). Right: its slope, by which the gradient is multiplied on its way back. The other
    activations are grey; a light blue line has another value of the argument."""
    with style():
        figure = sheet(2.7)
        pair = place_axes(figure, 0.45, 0.3, 3.9, 2.05), place_axes(figure, 4.95, 0.3, 3.9, 2.05)
        for each in of_axis("activation"):
            if each.name != option.name:
                lines(pair, each.built(), color=PALE, lw=1.1)
        for key, value in OTHER.items():
            if key in option.node:
                lines(pair, option.built(**{key: value}), color=SKY, lw=1.4, label=f"{key} {value:g}")
        label = ", ".join(f"{each.key} {each.default}" for each in option.arguments) or option.name
        lines(pair, option.built(), color=BLUE, lw=2.2, label=label)
        for axes, title in zip(pair, ("φ(x)", "slope φ'(x)"), strict=True):
            axes.axhline(0, color="#aaaaaa", lw=0.7, zorder=1)
            axes.axvline(0, color="#aaaaaa", lw=0.7, zorder=1)
            axes.set_xlim(-4, 4)
            axes.set_title(title, loc="left", fontsize=9)
            axes.set_xlabel("x", labelpad=1)
        pair[0].set_ylim(-2.2, 4)
        pair[1].set_ylim(-0.25, 1.3)
        pair[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure
