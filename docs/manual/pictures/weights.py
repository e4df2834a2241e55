"""What acts on a layer's weights."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from dropgrid import streams
from dropgrid.sites import Site
from manual.acting import sites_of
from manual.options import Option
from manual.pictures.drawing import panel, place_axes, schedules, sheet, style, write_text

OUTPUTS, INPUTS = 10, 16
SITE = Site("layer1.linear.weight", "weight", 1, 2, 1, 2, True)
HOW: dict[str, Any] = {"cmap": "RdBu_r"}


def layer(std: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a linear layer."""
    generator = torch.Generator().manual_seed(0)
    return std * torch.randn(OUTPUTS, INPUTS, generator=generator), std * torch.randn(OUTPUTS, generator=generator)


def acting(module: Any, std: float, examples: int, step: int = 0) -> torch.Tensor:
    """(examples, out, in + 1): weights and bias that each example really meets, by probing the layer."""
    weight, bias = layer(std)
    found = []
    for column in range(INPUTS + 1):
        module.advance_hashed(module.full_level, streams.key(0, "regularizer", step))
        probe = torch.zeros(examples, INPUTS)
        if column < INPUTS:
            probe[:, column] = 1
        found.append(module(probe, weight, bias, F.linear))
    outputs = torch.stack(found, 2)
    return torch.cat([outputs[..., :-1] - outputs[..., -1:], outputs[..., -1:]], 2)


def drop_connect(option: Option) -> Figure:
    """The weights of a linear layer of 16 inputs and 10 units, its biases as the last column, and what of them two
    examples meet in training at keep_prob 0.5: with mask=example each its own connections, with mask=batch the same.
    What is dropped is white, what is kept twice as large."""
    with style():
        figure = sheet(3.1)
        weight, bias = layer(1.0)
        whole = torch.cat([weight, bias[:, None]], 1)
        how = {**HOW, "vmin": -4, "vmax": 4}
        write_text(figure, 0.15, 0.08, "weights and biases")
        panel(figure, 0.15, 0.35, 2.1, 1.15, whole, **how)
        for row, mask in enumerate(("example", "batch")):
            module = option.built(keep_prob=0.5, mask=mask)(SITE)
            met = acting(module, 1.0, 2)
            for example in range(2):
                left, top = 2.6 + 2.25 * example, 0.08 + 1.52 * row
                write_text(figure, left, top, f"mask={mask}: example {example + 1}")
                panel(figure, left, top + 0.27, 2.1, 1.1, met[example], **how)
        axes = place_axes(figure, 7.6, 0.6, 1.1, 1.9)
        (site,) = (site for site in sites_of("MLP") if site.name == "layer1.linear.weight")
        schedules(axes, {"": (option.built()(site), option.built(schedule="linear")(site))}, "drop_prob")
    return figure


def weight_noise(option: Option) -> Figure:
    """The weights of a linear layer of 16 inputs and 10 units (standard deviation 0.02), and what a batch meets of them
    at two steps with the default std of 0.01: the same weights with other noise; biases, the last column, have none.
    Right: std over training."""
    with style():
        figure = sheet(2.0)
        weight, bias = layer(0.02)
        built = option.built()
        shown = {"weights and biases": torch.cat([weight, bias[:, None]], 1)}
        for step in range(2):
            shown[f"with noise, step {step + 1}"] = acting(built(SITE), 0.02, 1, step)[0]
        for index, (title, values) in enumerate(shown.items()):
            left = 0.15 + 2.4 * index
            write_text(figure, left, 0.08, title)
            panel(figure, left, 0.35, 2.2, 1.3, values, **HOW, vmin=-0.06, vmax=0.06)
        axes = place_axes(figure, 7.75, 0.65, 1.0, 1.0)
        schedules(axes, {"": (built(SITE), option.built(schedule="linear")(SITE))}, "std")
    return figure
