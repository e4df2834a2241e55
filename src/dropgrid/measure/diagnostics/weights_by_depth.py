"""The size of the weights at each depth."""

import numpy as np

from dropgrid.initializers.layers import layers
from dropgrid.initializers.layers import weights as with_fans
from dropgrid.measure.evaluations.weights import weight_of
from dropgrid.measure.probe import Probe
from dropgrid.measure.trained_cell import Measure, MeasureResult, finite_measures


def weights_by_depth(probe: Probe) -> MeasureResult:
    """Norm, rms and σ_w² = fan_in · mean W² of every convolution and linear layer, in the network's order.

    σ_w² is set by initializers: 1 for LeCun's, 2 for He's with fan_in, about 1 for Glorot's if a layer is as wide as
    the one before. Weights are the effective ones: with the gain of weight norm, or divided by the spectral norm.

    Arrays: `layers` (L,) by name; `norms`, `rms`, `sigma2` (L,).

    Source: He et al., ICCV 2015, §2.2.
    """
    fans = np.array([each.fan_in for each in with_fans(probe.network)])
    named = {name: weight_of(layer) for name, layer in layers(probe.replica()).items()}
    squares = np.array([float(each.square().mean()) for each in named.values()])
    norms = np.array([float(each.norm()) for each in named.values()])
    sigma2 = fans * squares
    measures = {
        "norm": Measure(float(np.sqrt((norms**2).sum())), "Norm of all weights", ""),
        "sigma2_median": Measure(float(np.median(sigma2)), "σ_w² = fan_in · mean W², median of layers", ""),
        "uneven": Measure(float(sigma2.max() / sigma2.min()) if sigma2.min() > 0 else np.inf, "σ_w², max / min", ""),
    }
    arrays = {"layers": np.array([*named]), "norms": norms, "rms": np.sqrt(squares), "sigma2": sigma2}
    return MeasureResult(finite_measures(measures), arrays)
