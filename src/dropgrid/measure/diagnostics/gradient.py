"""The loss along its gradient: how far the gradient can be trusted."""

import numpy as np

from dropgrid import checks
from dropgrid.measure.probe import Probe, joined, move, trained
from dropgrid.measure.subject import DoesNotApply, Found, Measure, finite_measures


def gradient(probe: Probe, *, lr: float | None, low: float, high: float, points: int) -> Found:
    """Loss, gradient predictiveness and effective smoothness along g = ∂loss/∂w, at steps η = low · lr … high · lr.

    loss(w - η g); predictiveness ‖g(w) - g(w - η g)‖, 0 where the gradient stays what it was; effective β-smoothness,
    the highest of predictiveness / (η ‖g‖) over the steps: how fast the gradient changes on the way that a step of
    gradient descent takes. On a quadratic ½ wᵀA w they are ½ uᵀA u with u = w - ηg, η ‖A g‖, ‖A g‖ / ‖g‖. Steps are
    spaced evenly in log η. The batch, and nothing else, makes loss and gradient: no momentum, no penalty.

    Args:
        lr: null is the optimizer's own.
        low, high: multiples of it.
        points: how many steps.

    Arrays: `steps` (points,) η; `loss` (points + 1,), the first at η = 0; `change`, `smoothness` (points,); `norm` ()
    of g.

    Raises:
        DoesNotApply: lr null where the optimizer has none; a gradient that is 0 or not finite.
        ValueError: low not above 0 or not below high, points below 2, lr not above 0.

    Source: Santurkar et al., NeurIPS 2018, §3.1 and Fig. 4. Differs from the paper: the batch is the same at every
    moment of training; the paper's is the one that training is at.
    """
    checks.number("high", high, above=0)
    checks.number("low", low, above=0, below=high)
    checks.whole_number("points", points, 2)
    rate = probe.lr if lr is None else float(checks.number("lr", lr, above=0))
    if rate is None:
        raise DoesNotApply("the optimizer has no learning rate; say diagnose.lr=…")
    network = probe.replica()
    start = [parameter.detach().clone() for parameter in trained(network)]
    loss, slope = probe.gradient_of(network)
    before = joined(slope).double()
    length = float(before.norm())
    if not 0 < length < np.inf:
        raise DoesNotApply(f"a gradient of norm {length:g} leads nowhere")
    sizes = np.geomspace(low, high, points) * rate
    losses, changes = [loss], []
    for size in sizes:
        move(network, start, slope, -float(size))
        there, other = probe.gradient_of(network)
        losses.append(there)
        changes.append(float((joined(other).double() - before).norm()))
    change = np.array(changes)
    smoothness = change / (sizes * length)
    told = {
        "loss": Measure(loss, "Loss", "nats"),
        "norm": Measure(length, "‖g‖", ""),
        "loss_min": Measure(float(np.min(losses)), "Lowest loss along -g", "nats"),
        "loss_max": Measure(float(np.max(losses)), "Highest loss along -g", "nats"),
        "change": Measure(float(change.max()), "Predictiveness, highest ‖g(w) - g(w - ηg)‖", ""),
        "smoothness": Measure(float(smoothness.max()), "Effective β-smoothness", ""),
    }
    arrays = {"steps": sizes, "loss": np.array(losses), "change": change, "smoothness": smoothness}
    return Found(finite_measures(told), {**arrays, "norm": np.array(length)})
