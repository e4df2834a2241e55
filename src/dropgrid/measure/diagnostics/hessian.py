"""The lowest and highest eigenvalue of the Hessian, and the density between them."""

import numpy as np
from torch import Tensor

from dropgrid import checks
from dropgrid.measure.lanczos import Ritz, lanczos, random_signs
from dropgrid.measure.probe import Probe, flatten_all, gradients, trainable_parameters
from dropgrid.measure.trained_cell import Measure, MeasureResult, finite_measures


def hessian(probe: Probe, *, vectors: int, iterations: int) -> MeasureResult:
    """Lowest and highest eigenvalue of H = ∂²loss/∂w² on the batch, by Lanczos on Hessian-vector products.

    H v = ∂(∂loss/∂w · v)/∂w; w are all trained parameters, and the loss is without penalties. The error bound of each
    end is reported; Lanczos converges at the ends first, so the bound shows whether `iterations` is enough. λ_max
    bounds the learning rate of gradient descent on a quadratic: it diverges above 2 / λ_max. The spectrum between the
    ends is estimated by stochastic quadrature: the share of eigenvalues near each node. For a ReLU network, H is that
    of the linear piece on which w lies.

    Args:
        vectors, iterations: number of random starts, and steps of each; memory: `iterations` vectors of the size of w.

    Arrays: `values` (m,), nodes from lowest to highest; `weights` (m,), their shares; `size` (), number of parameters.

    Raises:
        DoesNotApply: derivatives are not finite.
        ValueError: a count is below 1.

    Source: Ghorbani, Krishnan, Xiao, ICML 2019.
    """
    checks.whole_number("vectors", vectors, 1)
    checks.whole_number("iterations", iterations, 1)
    network = probe.replica()
    parameters = trainable_parameters(network)
    slopes = gradients(probe.loss_of(network), parameters, create_graph=True)
    bent = [(p, g) for p, g in zip(parameters, slopes, strict=True) if g.requires_grad]
    size = sum(parameter.numel() for parameter in parameters)

    def product(vector: Tensor) -> Tensor:
        if not bent:  # a loss that is linear in its parameters
            return vector * 0
        pieces = vector.split([parameter.numel() for parameter in parameters])
        along = [each.view_as(g) for each, g in zip(pieces, slopes, strict=True) if g.requires_grad]
        # one scalar: each gradient's part of it is summed by autograd
        inner = sum(((g * v).sum() for (_, g), v in zip(bent, along, strict=True)), start=vector.new_zeros(()))
        return flatten_all(gradients(inner, parameters, retain_graph=True)).detach()

    like = flatten_all(parameters).detach()
    found = [
        lanczos(product, random_signs(size, probe.generator("hessian", index), like), iterations)
        for index in range(vectors)
    ]
    values = np.concatenate([each.values for each in found])
    weights = np.concatenate([each.weights for each in found]) / vectors
    order = np.argsort(values)
    arrays = {"values": values[order], "weights": weights[order], "size": np.array(size)}
    return MeasureResult(extreme_eigenvalues(found, float(weights @ values)), arrays)


def extreme_eigenvalues(found: list[Ritz], mean: float) -> dict[str, Measure]:
    """Return the lowest and highest eigenvalue over all starts, with the bounds on their errors."""
    top = max(found, key=lambda each: each.values[-1])
    bottom = min(found, key=lambda each: each.values[0])
    high, low = float(top.values[-1]), float(bottom.values[0])
    return finite_measures(
        {
            "highest": Measure(high, "λ_max", ""),
            "highest_bound": Measure(float(top.bounds[-1]), "± of λ_max", ""),
            "lowest": Measure(low, "λ_min", ""),
            "lowest_bound": Measure(float(bottom.bounds[0]), "± of λ_min", ""),
            "negative": Measure(-low / high if high > 0 else np.inf, "-λ_min / λ_max", ""),
            "mean": Measure(mean, "Mean eigenvalue", ""),
        }
    )
