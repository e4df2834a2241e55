"""Initializers: weights of a layer, and the signal by depth in a net of 30 layers."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from dropgrid.errors import UserError
from dropgrid.initializers.layers import weights
from dropgrid.measure.diagnostics.signal import signal
from dropgrid.measure.probe import Probe
from dropgrid.plotting.style import VERMILLION
from manual.acting import initialised, loaded
from manual.options import Option, of_axis
from manual.pictures.digits import digits
from manual.pictures.drawing import BLUE, GREY, INK, PALE, place_axes, sheet, style

DEPTH, CHANNELS = 30, 24
LOW, HIGH = 1e-6, 1e4
ACTIVATIONS = {"relu": "ReLU", "tanh": "tanh"}
LAYER = "layer2.7.conv.weight"
"""Of the plain net; of the residual one the first of the middle group."""


def net(activation: str, residual: bool) -> nn.Module:
    """A plain net of 30 convolutions, or a residual one of 31, without norms, for digits."""
    changes: dict[str, Any] = {"depth": DEPTH, "channels": CHANNELS}
    parts = {"norm": loaded("norm", "none"), "activation": loaded("activation", activation)}
    model = loaded("model", "resnet32") if residual else loaded("model", "deep_plain", **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: nn.Module = model(shape=(1, 28, 28), classes=10, **parts)
    return made


@cache
def measured(name: str, activation: str, residual: bool) -> tuple[Tensor, np.ndarray]:
    """Weights of a layer, and the rms of what reaches each: of a residual net, of what enters its blocks."""
    images, targets, _ = digits()
    (option,) = (each for each in of_axis("init") if each.name == name)
    made = initialised(net(activation, residual), option.built(), activation, images)
    probe = Probe(made, images, targets, nn.CrossEntropyLoss(), 0)
    arrays = signal(probe, saturated=0.97).arrays
    own = {weight.name: weight.tensor for weight in weights(made)}
    inside = [at for at, layer in enumerate(arrays["layers"]) if not residual or str(layer).endswith(("conv1", "fc"))]
    return own["layer2.2.conv1.weight" if residual else LAYER], np.clip(arrays["activation"][inside], LOW, HIGH)


def all_of(activation: str, residual: bool) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Of every initializer that needs no file and takes such a net."""
    found = {}
    for each in of_axis("init"):
        if "path" not in each.node:
            try:
                found[each.name] = measured(each.name, activation, residual)
            except (ValueError, UserError):
                continue
    return found


def drawn(option: Option, residual: bool) -> Figure:
    """Histogram, signal with ReLU, signal with tanh."""
    with style():
        figure = sheet(2.7)
        axes = place_axes(figure, 0.4, 0.3, 2.6, 2.0)
        edges = np.linspace(-0.4, 0.4, 42)
        for name, (weight, _) in all_of("relu", residual).items():
            own = name == option.name
            kept = weight[weight != 0].flatten().numpy()
            counts, _ = np.histogram(kept, edges)
            share = counts / weight.numel() / (edges[1] - edges[0])
            axes.stairs(share, edges, color=BLUE if own else PALE, lw=1.8 if own else 0.9, zorder=3 if own else 2)
            if own:
                zeros = 1 - kept.size / weight.numel()
                outside = (np.abs(kept) > 0.4).sum() / weight.numel()
                told = [f"{zeros:.1%} are 0" if zeros else "", f"{outside:.1%} are outside" if outside else ""]
                text = "\n".join(filter(None, told))
                axes.text(0.03, 0.97, text, transform=axes.transAxes, fontsize=8, va="top", color=INK)
        axes.set_ylim(0, 9)
        axes.set_yticks([])
        axes.set_title("weights of a layer, ReLU", loc="left", fontsize=9)
        for left, (activation, label) in zip((3.5, 6.35), ACTIVATIONS.items(), strict=True):
            axes = place_axes(figure, left, 0.3, 2.45, 2.0)
            for name, (_, rms) in all_of(activation, residual).items():
                own = name == option.name
                axes.plot(
                    range(len(rms)), rms, color=BLUE if own else "#c9c9c9", lw=2.2 if own else 0.9, zorder=2 + own
                )
            axes.set_yscale("log")
            axes.set_ylim(LOW / 2, HIGH * 2)
            axes.set_yticks([1e-6, 1e-4, 1e-2, 1, 1e2, 1e4], ["≤10⁻⁶", "10⁻⁴", "10⁻²", "1", "10²", "≥10⁴"])
            axes.minorticks_off()
            axes.set_title(f"rms of the signal, {label}", loc="left", fontsize=9)
            axes.set_xlabel("block" if residual else "depth", labelpad=1)
    return figure


def by_depth(option: Option) -> Figure:
    """Left: the weights of one layer of a plain net of 30 convolutions without norms, those that are not 0. Middle
    and right: how large the signal is that reaches each layer (root mean square over eight digits), from the images
    at depth 0 to the logits, with ReLU and with tanh. The other initializers are grey."""
    return drawn(option, residual=False)


def in_branches(option: Option) -> Figure:
    """Left: the weights of the first layer of a residual branch, in a ResNet-32 without norms. Middle and right:
    how large the signal is that enters each block (root mean square over eight digits), with ReLU and with tanh:
    with this start a block passes on what it gets, and where a group begins half of the channels are padding of 0.
    The other initializers are grey."""
    return drawn(option, residual=True)


def from_file(option: Option) -> Figure:
    """Weights of a network against those in the file that it started from: all on the diagonal (blue) but the
    classifier (orange), which `skip=[fc]` left to be drawn by `init=kaiming`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pt"
        source = initialised(net("relu", False), loaded("init", "orthogonal"))
        torch.save(source.state_dict(), path)
        started = initialised(net("relu", False), option.built(path=str(path), skip=["fc"]))
    with style():
        figure = sheet(2.7)
        axes = place_axes(figure, 2.4, 0.1, 3.2, 2.2)
        pairs = zip(weights(source), weights(started), strict=True)
        looks = {"a convolution": BLUE, "the classifier": VERMILLION}
        for (given, own), (label, color) in zip(pick(pairs), looks.items(), strict=True):
            axes.plot(given, own, ".", ms=3.5, color=color, label=label)
        axes.legend(frameon=False, fontsize=8, bbox_to_anchor=(1.02, 1), loc="upper left", markerscale=2)
        axes.axhline(0, color=GREY, lw=0.6, zorder=1)
        axes.set_xlabel("in the file", labelpad=1)
        axes.set_ylabel("in the network", labelpad=1)
    return figure


def pick(pairs: Any) -> list[tuple[Tensor, Tensor]]:
    """A few hundred numbers of the last convolution, and of the classifier."""
    found = [(given.tensor.flatten()[:400], own.tensor.flatten()[:400]) for given, own in pairs]
    return found[-2:]
