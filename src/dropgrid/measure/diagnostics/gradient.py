"""The loss along its gradient: how far the gradient can be trusted."""

import numpy as np

from dropgrid import checks
from dropgrid.measure.probe import Probe, flatten_all, move_parameters, trainable_parameters
from dropgrid.measure.trained_cell import DoesNotApply, Measure, MeasureResult, finite_measures


def gradient(probe: Probe, *, lr: float | None, low: float, high: float, points: int) -> MeasureResult:
    """Loss, gradient predictiveness and effective smoothness along g = ∂loss/∂w, at steps η = low · lr … high · lr.

    The three are loss(w - η g); predictiveness ‖g(w) - g(w - η g)‖, 0 if the gradient does not change; and effective
    β-smoothness, the highest of predictiveness / (η ‖g‖) over the steps, that is how fast the gradient changes along a
    step of gradient descent. On a quadratic ½ wᵀA w they are ½ uᵀA u with u = w - ηg, η ‖A g‖, ‖A g‖ / ‖g‖. Steps are
    spaced evenly in log η. Loss and gradient are those of the batch alone, without momentum and penalty.

    Args:
        lr: the learning rate; null is the optimizer's own.
        low, high: the range of η, in multiples of lr.
        points: number of steps.

    Arrays: `steps` (points,) η; `loss` (points + 1,), the first at η = 0; `change`, `smoothness` (points,); `norm` ()
    of g.

    Raises:
        DoesNotApply: lr is null and the optimizer has none, or the gradient is 0 or not finite.
        ValueError: low is not above 0 or not below high, points is below 2, or lr is not above 0.

    Source: Santurkar et al., NeurIPS 2018, §3.1 and Fig. 4. Differs from the paper: the batch is the same at every
    step of training; the paper takes the batch of the step.
    """
    checks.number("high", high, above=0)
    checks.number("low", low, above=0, below=high)
    checks.whole_number("points", points, 2)
    rate = probe.lr if lr is None else float(checks.number("lr", lr, above=0))
    if rate is None:
        raise DoesNotApply("the optimizer has no learning rate; say diagnose.lr=…")
    network = probe.replica()
    start = [parameter.detach().clone() for parameter in trainable_parameters(network)]
    loss, slope = probe.gradient_of(network)
    before = flatten_all(slope).double()
    length = float(before.norm())
    if not 0 < length < np.inf:
        raise DoesNotApply(f"a gradient of norm {length:g} leads nowhere")
    sizes = np.geomspace(low, high, points) * rate
    losses, changes = [loss], []
    for size in sizes:
        move_parameters(network, start, slope, -float(size))
        there, other = probe.gradient_of(network)
        losses.append(there)
        changes.append(float((flatten_all(other).double() - before).norm()))
    change = np.array(changes)
    smoothness = change / (sizes * length)
    measures = {
        "loss": Measure(loss, "Loss", "nats"),
        "norm": Measure(length, "‖g‖", ""),
        "loss_min": Measure(float(np.min(losses)), "Lowest loss along -g", "nats"),
        "loss_max": Measure(float(np.max(losses)), "Highest loss along -g", "nats"),
        "change": Measure(float(change.max()), "Predictiveness, highest ‖g(w) - g(w - ηg)‖", ""),
        "smoothness": Measure(float(smoothness.max()), "Effective β-smoothness", ""),
    }
    arrays = {"steps": sizes, "loss": np.array(losses), "change": change, "smoothness": smoothness}
    return MeasureResult(finite_measures(measures), {**arrays, "norm": np.array(length)})
