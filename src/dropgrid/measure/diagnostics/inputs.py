"""The inputs of one unit of each layer, and how far a batch norm's moving averages are from the batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.diagnostics.signal import number_repeats
from dropgrid.measure.probe import Probe
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, finite_measures, require_list


def inputs(probe: Probe, *, unit: int, quantiles: Sequence[float]) -> MeasureResult:
    """Quantiles, over the batch and all places, of the input of one unit's activation, and the drift of batch norms.

    Measured over training, they show how steady a unit's input is. The drift of a batch norm with moving averages m, v,
    whose input has mean μ and variance σ² over the batch, is the mean over channels of |m - μ| / √(σ² + ε), in standard
    deviations, and of |ln((v + ε) / (σ² + ε))|. Both are 0 if inference uses the statistics of training.

    Args:
        unit: the unit (of a convolution, the channel) of each layer, from 0; the last one of a narrower layer.
        quantiles: numbers in [0, 1].

    Arrays: `layers` (A,), the activations by name in the order of a forward pass; `quantiles` (A, Q); `shares` (Q,);
    if batch norms keep moving averages, `norms` (B,) by name, `drift_mean`, `drift_variance` (B,).

    Raises:
        DoesNotApply: the network has no activation module.
        ValueError: unit is below 0, or a quantile is outside [0, 1].

    Source: Ioffe and Szegedy, ICML 2015, Fig. 1(b, c).
    """
    checks.whole_number("unit", unit, 0)
    shares = require_list("quantiles", quantiles)
    wrong = [q for q in shares if not checks.is_number(q) or not 0 <= q <= 1]
    if wrong:
        raise ValueError(f"quantiles lists numbers from 0 to 1, got {wrong[0]!r}")
    reached, normed = record_inputs(probe)
    if not reached:
        raise DoesNotApply("no activation in this network")
    values = np.array([np.quantile(unit_values(each, unit), shares) for _, each in reached])
    arrays = {"layers": np.array(number_repeats([name for name, _ in reached])), "quantiles": values}
    arrays["shares"] = np.array(shares, dtype=float)
    measures = {"width": Measure(float(np.ptp(values, 1).mean()), "Width of a unit's input, mean of layers", "")}
    if normed:
        arrays["norms"] = np.array(number_repeats([name for name, _, _ in normed]))
        both = np.array([[mean, variance] for _, mean, variance in normed])
        arrays["drift_mean"], arrays["drift_variance"] = both[:, 0], both[:, 1]
        measures["drift_mean"] = Measure(float(both[:, 0].mean()), "Drift of moving means, in σ, mean of norms", "")
        measures["drift_variance"] = Measure(float(both[:, 1].mean()), "Drift of moving variances, |ln ratio|", "")
    return MeasureResult(finite_measures(measures), arrays)


NormDrift = tuple[str, float, float]


def record_inputs(probe: Probe) -> tuple[list[tuple[str, Tensor]], list[NormDrift]]:
    """Return each activation's input, and the drifts of each norm with moving averages, by one forward pass."""
    network = probe.replica()
    reached: list[tuple[str, Tensor]] = []
    normed: list[NormDrift] = []

    def enters(name: str) -> Any:
        return lambda _, arguments: reached.append((name, arguments[0]))

    def drifts(name: str) -> Any:
        return lambda module, arguments: normed.append((name, *batchnorm_drift(module, arguments[0])))

    for name, module in network.named_modules():
        if is_activation(module):
            module.register_forward_pre_hook(enters(name))
        if isinstance(getattr(module, "running_var", None), Tensor):
            module.register_forward_pre_hook(drifts(name))
    with torch.no_grad():
        network(probe.images)
    return reached, normed


def is_activation(module: nn.Module) -> bool:
    """Predicate: a module is one of torch's activation functions."""
    return type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, nn.MultiheadAttention)


def unit_values(values: Tensor, unit: int) -> np.ndarray:
    """Return the values of one unit of (N, units, …), flat."""
    found: np.ndarray = values[:, min(unit, values.shape[1] - 1)].flatten().double().cpu().numpy()
    return found


def batchnorm_drift(norm: nn.Module, values: Tensor) -> tuple[float, float]:
    """Return |m - μ| / √(σ² + ε) and |ln((v + ε) / (σ² + ε))|, means over channels."""
    flat = values.double().transpose(0, 1).flatten(1)
    eps: Any = norm.eps
    moving_mean: Any = norm.running_mean
    moving_variance: Any = norm.running_var
    variance = flat.var(1, correction=0) + eps
    mean = (moving_mean.double() - flat.mean(1)).abs() / variance.sqrt()
    return float(mean.mean()), float(((moving_variance.double() + eps) / variance).log().abs().mean())
