"""How large the signal is at each depth, forward and backward, and which units pass none."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.layers import layers
from dropgrid.measure.probe import Probe
from dropgrid.measure.subject import Found, Measure, finite_measures


def signal(probe: Probe, *, saturated: float) -> Found:
    """Rms of what reaches each weight layer, the norm of the loss's gradient there, dead and saturated units.

    At depth l = 0 … L - 1 stands what enters the l-th convolution or linear layer in the order of a forward pass, at
    depth L the outputs: `activation` = √(mean x²) over the batch, `gradient` = ‖∂loss/∂x‖ over all of it. A chain of L
    scalar weights w has activation and gradient ratios of w^L between its ends. `weight_gradient` = ‖∂loss/∂W‖ by
    layer. A ReLU unit (a channel, of a convolution) is dead where it gives 0 for every image at every place; an
    activation of tanh or sigmoid is saturated in the outer 1 - `saturated` of its range.

    The spread, the standard deviation of ln ‖∂loss/∂x‖ over the depths between images and outputs, stands beside
    Σ 1/width over the hidden layers, which at initialisation drives it in a ReLU net of finite width without norms;
    width: channels or features.

    Args:
        saturated: a share of the range: |tanh| or |2·sigmoid - 1| above it counts.

    Arrays: `layers` (L,) by name; `activation`, `gradient` (L + 1,); `weight_gradient`, `widths` (L,); `relus` (R,) by
    name and `dead` (R,), shares of units; `bounded` (B,) by name and `saturated` (B,), shares of activations.

    Raises:
        ValueError: saturated outside (0, 1).

    Source: Glorot and Bengio, AISTATS 2010, Figs. 2, 6, 7; Hanin, NeurIPS 2018 (the spread; his is over the squares).
    """
    checks.number("saturated", saturated, above=0, below=1)
    network = probe.replica()
    names, inputs, outputs, units = pass_through(probe, network)
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
        "layers": np.array(numbered(names)),
        "activation": np.array([rms(each) for each in reached]),
        "gradient": np.array([norm([each]) for each in found[: len(reached)]]),
        "weight_gradient": np.array([norm([by_weight[id(p)] for p in weights[name]]) for name in names]),
        "widths": np.array([width(of[name]) for name in names]),
    }
    dead = [(name, idle(values)) for name, kind, values in units if isinstance(kind, nn.ReLU)]
    bounded = [(name, beyond(kind, values, saturated)) for name, kind, values in units if not isinstance(kind, nn.ReLU)]
    arrays |= shares("relus", "dead", dead) | shares("bounded", "saturated", bounded)
    return Found(measures(arrays), arrays)


def measures(arrays: dict[str, np.ndarray]) -> dict[str, Measure]:
    """What a table tells of them."""
    activation, gradient = arrays["activation"], arrays["gradient"]
    told = {
        "activation": Measure(ratio(activation[-2], activation[0]), "Signal forward, last layer / images", ""),
        "gradient": Measure(ratio(gradient[0], gradient[-2]), "Gradient backward, images / last layer", ""),
        "inverse_widths": Measure(float((1 / arrays["widths"][:-1]).sum()), "Σ 1/width of hidden layers", ""),
    }
    between = gradient[1:-1]
    if len(between) and (between > 0).all():
        told["spread"] = Measure(float(np.log(between).std()), "Spread of ln ‖∂loss/∂x‖ over depth", "")
    for key, label in (("dead", "Dead ReLU units"), ("saturated", "Saturated activations")):
        if key in arrays:
            told[key] = Measure(float(arrays[key].mean()), f"{label}, mean of layers")
            told[f"{key}_max"] = Measure(float(arrays[key].max()), f"{label}, worst layer")
    return finite_measures(told)


Unit = tuple[str, nn.Module, Tensor]


def pass_through(probe: Probe, network: nn.Module) -> tuple[list[str], list[Tensor], Tensor, list[Unit]]:
    """One forward pass: names and inputs of the layers in its order, outputs, and what units gave, with their kind."""
    names: list[str] = []
    inputs: list[Tensor] = []
    units: list[Unit] = []

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


def numbered(names: Sequence[str]) -> list[str]:
    """The names, those of later calls of one module as `name#2`, …"""
    return [name if (n := names[: i + 1].count(name)) == 1 else f"{name}#{n}" for i, name in enumerate(names)]


def shares(names: str, key: str, found: Sequence[tuple[str, float]]) -> dict[str, np.ndarray]:
    """Two arrays, or none where there is no such unit."""
    if not found:
        return {}
    return {names: np.array(numbered([name for name, _ in found])), key: np.array([share for _, share in found])}


def rms(values: Tensor) -> float:
    """√(mean x²)."""
    return float(values.detach().double().square().mean().sqrt())


def norm(found: Sequence[Tensor | None]) -> float:
    """‖·‖ of all together; what the loss does not depend on counts 0."""
    return math.sqrt(sum(float(each.double().square().sum()) for each in found if each is not None))


def ratio(above: float, below: float) -> float:
    """nan where it is none."""
    return float(above / below) if below else math.nan


def width(layer: nn.Module) -> int:
    """Channels or features that a layer gives."""
    found = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    assert isinstance(found, int)
    return found


def idle(values: Tensor) -> float:
    """The share of units, (N, units, …), that are 0 for all images at all places."""
    return float((values.transpose(0, 1).flatten(1) <= 0).all(1).double().mean())


def beyond(kind: nn.Module, values: Tensor, saturated: float) -> float:
    """The share of activations in the outer parts of their range."""
    centred = values if isinstance(kind, nn.Tanh) else 2 * values - 1
    return float((centred.abs() > saturated).double().mean())
