"""Losses: the targets that they mean."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from dropgrid.plotting.style import VERMILLION
from manual.options import Option
from manual.pictures.drawing import BLUE, INK, place_axes, sheet, style

CLASSES, RIGHT = 10, 3


def meant(loss: torch.nn.Module) -> Tensor:
    """(classes,): the target of class 3 that a cross-entropy has in mind: softmax minus its gradient at the logits."""
    logits = torch.zeros(1, CLASSES, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(logits, torch.tensor([RIGHT])), logits)
    return 1 / CLASSES - slope[0]


def smoothed(option: Option) -> Figure:
    """Left: the target of an image of class 3 among K = 10 classes: with `label_smoothing` s each class k has (1 - s) ·
    [k = 3] + s / K. Right: the loss by how far the logit of its own class is above the others: without smoothing always
    further is better, with it there is a best distance."""
    smoothings = (0.0, float(option.node.get("label_smoothing", 0.1)), 0.3)
    with style():
        figure = sheet(2.5)
        left, right = place_axes(figure, 0.5, 0.3, 3.9, 1.75), place_axes(figure, 5.1, 0.3, 3.6, 1.75)
        margin = torch.linspace(-2, 14, 161)
        for index, (smoothing, color) in enumerate(zip(smoothings, (INK, BLUE, VERMILLION), strict=True)):
            loss = option.built(label_smoothing=smoothing)
            places = np.arange(CLASSES) + 0.27 * (index - 1)
            left.bar(places, meant(loss).numpy(), 0.25, color=color, label=f"s = {smoothing:g}")
            logits = torch.zeros(len(margin), 1, CLASSES)
            logits[:, 0, RIGHT] = margin
            values = torch.stack([loss(each, torch.tensor([RIGHT])) for each in logits])
            right.plot(margin, values, color=color, lw=1.5)
            if smoothing:
                best = int(values.argmin())
                right.plot(margin[best], values[best], "o", ms=5, color=color)
        left.set_xticks(range(CLASSES))
        left.set_xlabel("class", labelpad=1)
        left.set_title("target", loc="left", fontsize=9)
        left.legend(frameon=False, fontsize=8)
        right.set_ylim(0, 3)
        right.set_xlabel("logit of its own class, above the others'", labelpad=1)
        right.set_title("loss", loc="left", fontsize=9)
    return figure
