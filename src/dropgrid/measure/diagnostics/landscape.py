"""Slices of the loss around the weights, along filter-normalized random directions."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid import checks
from dropgrid.measure.probe import Probe, move_parameters, trainable_parameters
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, finite_measures


def landscape(probe: Probe, *, reach: float, points: int, plane: bool) -> MeasureResult:
    """loss(w + α d₁) and loss(w + α d₁ + β d₂) for α, β from -reach to reach, on the batch.

    d is normal, then each filter (the weights into one unit) is scaled to the norm of w's filter; otherwise a network
    with large weights looks flat. Biases, gains and shifts do not move. At α = β = 0 is the loss itself.

    Args:
        reach: the largest |α| and |β|; at 1 a filter moves by its own norm.
        points: number of points along each direction, odd, so that 0 is among them.
        plane: whether to compute the 2-D slice too, with points² passes.

    Arrays: `alphas` (points,); `line` (points,); with `plane`, `plane` (points, points), α by column and β by row.

    Raises:
        DoesNotApply: the loss is not finite.
        ValueError: reach is not above 0, points is even or below 3, or plane is not a bool.

    Source: Li et al., NeurIPS 2018, §4. Differs from the paper: norms use the batch's statistics, which fit the
    weights at every point; the paper uses the moving averages of the trained weights.
    """
    checks.number("reach", reach, above=0)
    if checks.whole_number("points", points, 3) % 2 == 0:
        raise ValueError(f"points must be odd, so that the weights themselves are among them, got {points}")
    checks.boolean("plane", plane)
    network = probe.replica()
    start = [parameter.detach().clone() for parameter in trainable_parameters(network)]
    first, second = (random_direction(probe, network, index) for index in (1, 2))
    alphas = np.linspace(-reach, reach, points)
    alphas[points // 2] = 0.0

    def loss_at(alpha: float, beta: float) -> float:
        along = [alpha * a + beta * b for a, b in zip(first, second, strict=True)]
        move_parameters(network, start, along, 1.0)
        with torch.no_grad():
            return float(probe.loss_of(network))

    arrays = {"alphas": alphas, "line": np.array([loss_at(float(a), 0.0) for a in alphas])}
    centre = float(arrays["line"][points // 2])
    if not math.isfinite(centre):
        raise DoesNotApply("the loss of this network is not finite")
    measures = {
        "loss": Measure(centre, "Loss", "nats"),
        "rise": Measure(float(arrays["line"][[0, -1]].mean()) - centre, f"Rise at α = ±{reach:g}", "nats"),
    }
    if plane:
        arrays["plane"] = np.array([[loss_at(float(a), float(b)) for a in alphas] for b in alphas])
        near = float((arrays["plane"] <= centre + 1).mean())
        measures["near"] = Measure(near, "Share of the plane within 1 nat of it")
    return MeasureResult(finite_measures(measures), arrays)


def random_direction(probe: Probe, network: nn.Module, index: int) -> list[Tensor]:
    """Return a random direction in the order of `trainable_parameters`; 0 for parameters that are not filters."""
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    found = []
    for parameter in trainable_parameters(network):
        if parameter.dim() < 2:
            found.append(torch.zeros_like(parameter))
            continue
        generator = probe.generator("landscape", index, named[id(parameter)])
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
        lengths = [each.detach().flatten(1).norm(dim=1) for each in (parameter, drawn)]
        scale = lengths[0] / lengths[1].clamp(min=torch.finfo(drawn.dtype).tiny)
        found.append(drawn * scale.view(-1, *[1] * (drawn.dim() - 1)))
    return found
