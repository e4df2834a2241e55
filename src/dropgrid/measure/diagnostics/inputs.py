"""What reaches one unit of each layer, and how far a batch norm's moving averages are from the batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.diagnostics.signal import numbered
from dropgrid.measure.probe import Probe
from dropgrid.measure.subject import DoesNotApply, Found, Measure, finite_measures, listed


def inputs(probe: Probe, *, unit: int, quantiles: Sequence[float]) -> Found:
    """Quantiles over the batch, and all places, of what one unit's activation gets, and the drift of batch norms.

    Measured over training it tells how steady a unit's input is. Drift of a batch norm with moving averages m, v, where
    its input has the mean μ and the variance σ² over the batch: mean over channels of |m - μ| / √(σ² + ε), in standard
    deviations, and of |ln((v + ε) / (σ² + ε))|; both are 0 where inference meets what training met.

    Args:
        unit: which unit (channel, of a convolution) of each layer, counted from 0; the last one of a narrower layer.
        quantiles: in [0, 1].

    Arrays: `layers` (A,), the activations by name in the order of a forward pass; `quantiles` (A, Q); `shares` (Q,);
    and where batch norms keep moving averages `norms` (B,) by name, `drift_mean`, `drift_variance` (B,).

    Raises:
        DoesNotApply: the network has no activation of its own.
        ValueError: unit below 0, a quantile outside [0, 1].

    Source: Ioffe and Szegedy, ICML 2015, Fig. 1(b, c).
    """
    checks.whole_number("unit", unit, 0)
    shares = listed("quantiles", quantiles)
    wrong = [q for q in shares if not checks.is_number(q) or not 0 <= q <= 1]
    if wrong:
        raise ValueError(f"quantiles lists numbers from 0 to 1, got {wrong[0]!r}")
    reached, normed = arrivals(probe)
    if not reached:
        raise DoesNotApply("no activation in this network")
    values = np.array([np.quantile(of_unit(each, unit), shares) for _, each in reached])
    arrays = {"layers": np.array(numbered([name for name, _ in reached])), "quantiles": values}
    arrays["shares"] = np.array(shares, dtype=float)
    told = {"width": Measure(float(np.ptp(values, 1).mean()), "Width of a unit's input, mean of layers", "")}
    if normed:
        arrays["norms"] = np.array(numbered([name for name, _, _ in normed]))
        both = np.array([[mean, variance] for _, mean, variance in normed])
        arrays["drift_mean"], arrays["drift_variance"] = both[:, 0], both[:, 1]
        told["drift_mean"] = Measure(float(both[:, 0].mean()), "Drift of moving means, in σ, mean of norms", "")
        told["drift_variance"] = Measure(float(both[:, 1].mean()), "Drift of moving variances, |ln ratio|", "")
    return Found(finite_measures(told), arrays)


Normed = tuple[str, float, float]


def arrivals(probe: Probe) -> tuple[list[tuple[str, Tensor]], list[Normed]]:
    """What reaches each activation, and the drifts of each norm that keeps moving averages."""
    network = probe.replica()
    reached: list[tuple[str, Tensor]] = []
    normed: list[Normed] = []

    def enters(name: str) -> Any:
        return lambda _, arguments: reached.append((name, arguments[0]))

    def drifts(name: str) -> Any:
        return lambda module, arguments: normed.append((name, *drift(module, arguments[0])))

    for name, module in network.named_modules():
        if is_activation(module):
            module.register_forward_pre_hook(enters(name))
        if isinstance(getattr(module, "running_var", None), Tensor):
            module.register_forward_pre_hook(drifts(name))
    with torch.no_grad():
        network(probe.images)
    return reached, normed


def is_activation(module: nn.Module) -> bool:
    """Whether a module is one of torch's activation functions."""
    return type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, nn.MultiheadAttention)


def of_unit(values: Tensor, unit: int) -> np.ndarray:
    """All that one unit of (N, units, …) gets."""
    found: np.ndarray = values[:, min(unit, values.shape[1] - 1)].flatten().double().cpu().numpy()
    return found


def drift(norm: nn.Module, values: Tensor) -> tuple[float, float]:
    """|m - μ| / √(σ² + ε) and |ln((v + ε) / (σ² + ε))|, means over channels."""
    flat = values.double().transpose(0, 1).flatten(1)
    eps: Any = norm.eps
    moving_mean: Any = norm.running_mean
    moving_variance: Any = norm.running_var
    variance = flat.var(1, correction=0) + eps
    mean = (moving_mean.double() - flat.mean(1)).abs() / variance.sqrt()
    return float(mean.mean()), float(((moving_variance.double() + eps) / variance).log().abs().mean())
