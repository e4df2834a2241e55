"""The singular values of the map from images to outputs."""

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.initializers.layers import layers
from dropgrid.measure.lanczos import lanczos, random_signs, weighted_quantile
from dropgrid.measure.probe import Probe, gradients
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, finite_measures

OUTPUTS = ("logits", "features")


def jacobian(probe: Probe, *, output: str, exact: int, vectors: int, iterations: int) -> MeasureResult:
    """Singular values of J = ∂output/∂images, of the whole batch at once.

    If the images of a batch do not interact, J is block diagonal, and its singular values are those of all images
    together; a norm with the batch's statistics makes them interact. If the batch has at most `exact` output values, J
    is computed row by row; else by stochastic Lanczos quadrature of J Jᵀ or Jᵀ J, whichever is smaller: the share of
    singular values near each node. σ_max / σ_median shows an ill-conditioned map, while σ_max / σ_min is infinite for
    any ReLU network. Mean σ² is 1 if a signal keeps its length on average; all σ are 1 at dynamical isometry.

    Args:
        output: `logits`, or `features`, the input of the last linear layer.
        exact: the most output values of a batch for the exact method.
        vectors, iterations: number of random starts of the quadrature, and steps of each.

    Arrays: `values` (m,), singular values from lowest to highest; `weights` (m,), their shares; `exact` (), a bool.

    Raises:
        DoesNotApply: output=features and the network has no linear layer, or derivatives are not finite.
        ValueError: output is another name, or a count is below 1.

    Source: Pennington, Schoenholz, Ganguli, NeurIPS 2017 (the spectrum); Ubaru, Chen, Saad 2017 (the quadrature).
    """
    checks.one_of("output", output, OUTPUTS)
    for key, value in (("exact", exact), ("vectors", vectors), ("iterations", iterations)):
        checks.whole_number(key, value, 1)
    images = probe.images.clone().requires_grad_()
    given = output_vector(probe.replica(), images, output)
    if given.numel() <= exact:
        values = singular_values(given, images)
        weights = np.full(len(values), 1 / len(values))
    else:
        values, weights = spectrum_by_quadrature(probe, given, images, vectors, iterations)
    arrays = {"values": values, "weights": weights, "exact": np.array(given.numel() <= exact)}
    largest, median = float(values[-1]), weighted_quantile(values, weights, 0.5)
    measures = {
        "sigma_max": Measure(largest, "σ_max", ""),
        "sigma_median": Measure(median, "σ_median", ""),
        "mean_square": Measure(float(weights @ values**2), "Mean σ²", ""),
        "ratio": Measure(largest / median if median > 0 else np.inf, "σ_max / σ_median", ""),
    }
    return MeasureResult(finite_measures(measures), arrays)


def output_vector(network: nn.Module, images: Tensor, output: str) -> Tensor:
    """Return the outputs, or the input of the last linear layer, as one vector."""
    if output == "logits":
        found: Tensor = network(images)
        return found.flatten()
    linear = [layer for layer in layers(network).values() if isinstance(layer, nn.Linear)]
    if not linear:
        raise DoesNotApply("no linear layer in this network, whose input would be its features")
    entered: list[Tensor] = []
    linear[-1].register_forward_pre_hook(lambda _, arguments: entered.append(arguments[0]))
    network(images)
    return entered[-1].flatten()


def singular_values(given: Tensor, images: Tensor) -> np.ndarray:
    """Return the singular values of J, from lowest to highest; J is computed row by row."""
    rows = [gradients(each, [images], retain_graph=True)[0].flatten() for each in given]
    made = torch.stack(rows).double()
    if not bool(made.isfinite().all()):
        raise DoesNotApply("derivatives of this network are not finite")
    found: np.ndarray = torch.linalg.svdvals(made).flip(0).cpu().numpy()
    return found


def spectrum_by_quadrature(
    probe: Probe, given: Tensor, images: Tensor, vectors: int, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the quadrature over all random starts."""
    dummy = torch.zeros_like(given, requires_grad=True)
    pulled = gradients(given, [images], grad_outputs=dummy, create_graph=True)[0]  # Jᵀ dummy, linear in dummy

    def back(vector: Tensor) -> Tensor:
        return gradients(given, [images], grad_outputs=vector, retain_graph=True)[0].flatten()

    def forth(vector: Tensor) -> Tensor:
        return gradients(pulled, [dummy], grad_outputs=vector.view_as(pulled), retain_graph=True)[0]

    wide = given.numel() <= images.numel()
    size = given.numel() if wide else images.numel()
    nodes, weights = [], []
    for index in range(vectors):
        start = random_signs(size, probe.generator("jacobian", index), images.detach())
        ritz = lanczos((lambda v: forth(back(v))) if wide else (lambda v: back(forth(v))), start, iterations)
        nodes.append(np.sqrt(ritz.values.clip(min=0)))
        weights.append(ritz.weights / vectors)
    values = np.concatenate(nodes)
    order = np.argsort(values)
    return values[order], np.concatenate(weights)[order]
