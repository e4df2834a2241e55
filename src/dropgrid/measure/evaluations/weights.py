"""Weights: their norm, how many are near zero, and the effective learning rate of those before a norm."""

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.layers import layers
from dropgrid.measure.trained_cell import Measure, MeasureResult, TrainedCell
from dropgrid.models.trace import trace_calls

REACH, BINS = 20, 401
"""The histogram: from -20 to 20 times the rms of all weights, with an odd number of bins, so that one is around 0."""

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
"""torch's norms with a mean and a variance; those of `dropgrid.norms` count too."""


def weights(cell: TrainedCell, *, near_zero: float, power: int) -> MeasureResult:
    """Norm, share near zero and kurtosis of all weights of convolutions and linear layers, without biases and gains.

    ‖w‖ = √(Σ w²) over all weights; kurtosis = mean (w - m)⁴ / (mean (w - m)²)², 3 for normal weights, more if an L1
    penalty has set most to 0. If a layer's output goes straight into a norm, the network does not depend on the length
    of its w; a penalty there acts only on the effective learning rate lr / ‖w‖². lr is the config's, the highest of the
    schedule. Weights are the effective ones of eval mode.

    Args:
        near_zero: a weight counts if |w| is below it. It is absolute, because an L1 penalty with a gradient step leaves
            weights within about lr · its strength of 0, not at 0.
        power: the power of ‖w‖ in the effective learning rate: 2 for SGD with or without momentum, whose gradient falls
            as 1 / ‖w‖; 1 for optimizers whose step does not depend on the gradient's length (Adam).

    A layer counts as followed by a norm if, in a dry run in eval mode, its output is the input of one. A weight norm on
    the layer itself does not count. There is no effective learning rate if no layer counts or the optimizer has no lr.

    Arrays: `layers` (L,) by name in the network's order; for each, `norms`, `rms`, `near_zero` (the share), `normed`,
    and `effective`, 0 if there is none; `counts` (bins,) of all weights between `edges` (bins + 1,), from -20 to 20
    times their rms.

    Raises:
        ValueError: near_zero is not above 0, or power is not 1 or 2.

    Source: van Laarhoven, "L2 regularization versus batch and weight normalization", 2017; Zhang et al., "Three
    mechanisms of weight decay regularization", ICLR 2019.
    """
    checks.number("near_zero", near_zero, above=0)
    checks.one_of("power", power, (1, 2))
    named = {name: weight_of(layer) for name, layer in layers(cell.network).items()}
    together = torch.cat([each.flatten() for each in named.values()])
    before = before_a_norm(cell)
    normed = np.array([name in before for name in named])
    norms = np.array([float(each.norm()) for each in named.values()])
    small = [float((each.abs() < near_zero).double().mean()) for each in named.values()]
    found = {
        "norm": Measure(float(together.norm()), "Norm of all weights", ""),
        "near_zero": Measure(float((together.abs() < near_zero).double().mean()), f"Weights within {near_zero:g} of 0"),
    }
    centred = together - together.mean()
    variance = float(centred.square().mean())
    if variance > 0:
        found["kurtosis"] = Measure(float(centred.pow(4).mean()) / variance**2, "Kurtosis of all weights", "")
    lr, effective = cell.config["optimizer"].get("lr"), np.zeros(len(norms))
    counted = normed & (norms > 0)
    if counted.any() and isinstance(lr, int | float):
        effective[counted] = lr / norms[counted] ** power
        text = f"Effective learning rate, lr / ‖w‖{'²' if power == 2 else ''}"
        found["effective_lr"] = Measure(float(effective[counted].mean()), f"{text}, mean of layers before a norm", "")
    scale = float(together.square().mean().sqrt()) or 1.0
    counts, edges = np.histogram(together.numpy(), BINS, (-REACH * scale, REACH * scale))
    arrays = {"layers": np.array([*named]), "norms": norms, "near_zero": np.array(small), "normed": normed}
    arrays["rms"] = np.array([float(each.square().mean().sqrt()) for each in named.values()])
    return MeasureResult(found, {**arrays, "effective": effective, "counts": counts, "edges": edges})


def weight_of(layer: nn.Module) -> Tensor:
    """Return a layer's effective weight, float64 on the CPU."""
    weight = layer.weight
    assert isinstance(weight, Tensor), "a convolution or linear layer has a weight"
    return weight.detach().double().cpu()


def before_a_norm(cell: TrainedCell) -> set[str]:
    """Return the names of the layers whose output goes straight into a norm."""
    reached = trace_calls(cell.network, (cell.spec.channels, *cell.spec.size))
    normalized = {id(each.input) for each in reached if is_norm(each.module)}  # alive in `reached`: ids are unique
    own = layers(cell.network)
    return {each.name for each in reached if each.name in own and id(each.output) in normalized}


def is_norm(module: nn.Module) -> bool:
    """Predicate: a module is one of torch's norms or of ours."""
    return isinstance(module, NORMS) or type(module).__module__.startswith("dropgrid.norms.")
