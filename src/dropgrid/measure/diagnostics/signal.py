"""The size of the signal at each depth, forward and backward, and dead or saturated units."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.layers import layers
from dropgrid.measure.probe import Probe
from dropgrid.measure.trained_cell import Measure, MeasureResult, finite_measures


def signal(probe: Probe, *, saturated: float) -> MeasureResult:
    """Rms of each weight layer's input, the norm of the loss's gradient there, dead and saturated units.

    x at depth l = 0 … L - 1 is the input of the l-th convolution or linear layer in the order of a forward pass, at
    depth L the outputs: `activation` = √(mean x²) over the batch, `gradient` = ‖∂loss/∂x‖ over the batch. A chain of L
    scalar weights w has activation and gradient ratios of w^L between its ends. `weight_gradient` = ‖∂loss/∂W‖ by
    layer. A ReLU unit (of a convolution, a channel) is dead if it outputs 0 for every image at every place; a tanh or
    sigmoid is saturated in the outer 1 - `saturated` of its range.

    The spread is the standard deviation of ln ‖∂loss/∂x‖ over the depths between images and outputs. At initialization
    of a ReLU network without norms it is driven by Σ 1/width over the hidden layers, which is reported beside it;
    width is the number of channels or features.

    Args:
        saturated: a share of the range: an activation counts if |tanh| or |2·sigmoid - 1| is above it.

    Arrays: `layers` (L,) by name; `activation`, `gradient` (L + 1,); `weight_gradient`, `widths` (L,); `relus` (R,) by
    name and `dead` (R,), shares of units; `bounded` (B,) by name and `saturated` (B,), shares of activations.

    Raises:
        ValueError: saturated is outside (0, 1).

    Source: Glorot and Bengio, AISTATS 2010, Figs. 2, 6, 7; Hanin, NeurIPS 2018 (the spread; his is over the squares).
    """
    checks.number("saturated", saturated, above=0, below=1)
    network = probe.replica()
    names, inputs, outputs, units = record_forward(probe, network)
    reached = [*inputs, outputs]
    loss = probe.loss(outputs, probe.targets)
    of = dict(layers(network))
    weights = {
        name: [p for key, p in of[name].named_parameters() if "bias" not in key] for name in dict.fromkeys(names)
    }
    flat = [parameter for group in weights.values() for parameter in group]
    found = torch.autograd.grad(loss, [*reached, *flat], allow_unused=True)
    by_weight = dict(zip(map(id, flat), found[len(reached) :], strict=True))
    arrays = {
        "layers": np.array(number_repeats(names)),
        "activation": np.array([rms(each) for each in reached]),
        "gradient": np.array([joint_norm([each]) for each in found[: len(reached)]]),
        "weight_gradient": np.array([joint_norm([by_weight[id(p)] for p in weights[name]]) for name in names]),
        "widths": np.array([output_width(of[name]) for name in names]),
    }
    dead = [(name, dead_share(values)) for name, kind, values in units if isinstance(kind, nn.ReLU)]
    bounded = [
        (name, saturated_share(kind, values, saturated))
        for name, kind, values in units
        if not isinstance(kind, nn.ReLU)
    ]
    arrays |= share_arrays("relus", "dead", dead) | share_arrays("bounded", "saturated", bounded)
    return MeasureResult(signal_measures(arrays), arrays)


def signal_measures(arrays: dict[str, np.ndarray]) -> dict[str, Measure]:
    """Return the measures that the table shows."""
    activation, gradient = arrays["activation"], arrays["gradient"]
    measures = {
        "activation": Measure(ratio_or_nan(activation[-2], activation[0]), "Signal forward, last layer / images", ""),
        "gradient": Measure(ratio_or_nan(gradient[0], gradient[-2]), "Gradient backward, images / last layer", ""),
        "inverse_widths": Measure(float((1 / arrays["widths"][:-1]).sum()), "Σ 1/width of hidden layers", ""),
    }
    between = gradient[1:-1]
    if len(between) and (between > 0).all():
        measures["spread"] = Measure(float(np.log(between).std()), "Spread of ln ‖∂loss/∂x‖ over depth", "")
    for key, label in (("dead", "Dead ReLU units"), ("saturated", "Saturated activations")):
        if key in arrays:
            measures[key] = Measure(float(arrays[key].mean()), f"{label}, mean of layers")
            measures[f"{key}_max"] = Measure(float(arrays[key].max()), f"{label}, worst layer")
    return finite_measures(measures)


UnitOutput = tuple[str, nn.Module, Tensor]


def record_forward(probe: Probe, network: nn.Module) -> tuple[list[str], list[Tensor], Tensor, list[UnitOutput]]:
    """Run one forward pass; return names and inputs of the layers in order, outputs, and the outputs of activations."""
    names: list[str] = []
    inputs: list[Tensor] = []
    units: list[UnitOutput] = []

    def enters(name: str) -> Any:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            names.append(name)
            inputs.append(arguments[0])

        return hook

    def leaves(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Tensor) -> None:
            units.append((name, module, output.detach()))

        return hook

    for name, layer in layers(network).items():
        layer.register_forward_pre_hook(enters(name))
    for name, module in network.named_modules():
        if isinstance(module, nn.ReLU | nn.Tanh | nn.Sigmoid):
            module.register_forward_hook(leaves(name))
    outputs: Tensor = network(probe.images.clone().requires_grad_())
    return names, inputs, outputs, units


def number_repeats(names: Sequence[str]) -> list[str]:
    """Return the names, with later calls of one module as `name#2`, …"""
    return [name if (n := names[: i + 1].count(name)) == 1 else f"{name}#{n}" for i, name in enumerate(names)]


def share_arrays(names: str, key: str, found: Sequence[tuple[str, float]]) -> dict[str, np.ndarray]:
    """Return the arrays of names and shares; empty if there are none."""
    if not found:
        return {}
    return {names: np.array(number_repeats([name for name, _ in found])), key: np.array([share for _, share in found])}


def rms(values: Tensor) -> float:
    """Return √(mean x²)."""
    return float(values.detach().double().square().mean().sqrt())


def joint_norm(found: Sequence[Tensor | None]) -> float:
    """Return the norm of several tensors together; None counts 0."""
    return math.sqrt(sum(float(each.double().square().sum()) for each in found if each is not None))


def ratio_or_nan(above: float, below: float) -> float:
    """Return above / below; nan if `below` is 0."""
    return float(above / below) if below else math.nan


def output_width(layer: nn.Module) -> int:
    """Return the number of output channels or features of a layer."""
    found = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    assert isinstance(found, int)
    return found


def dead_share(values: Tensor) -> float:
    """Return the share of units of (N, units, …) that are 0 for all images at all places."""
    return float((values.transpose(0, 1).flatten(1) <= 0).all(1).double().mean())


def saturated_share(kind: nn.Module, values: Tensor, saturated: float) -> float:
    """Return the share of activations in the outer parts of their range."""
    centred = values if isinstance(kind, nn.Tanh) else 2 * values - 1
    return float((centred.abs() > saturated).double().mean())
