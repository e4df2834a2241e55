"""Adafactor (Shazeer, Stern, ICML 2018)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups

SMALLEST = 1e-15
"""Lower bound of √v: its square, the paper's ε₁ = 1e-30, is still above 0 in float32. torch's own default, 1e-7, would
bound the mean of squared gradients too, which a trained network's reach."""


def adafactor(
    model: nn.Module,
    *,
    lr: float,
    beta2_decay: float,
    eps: float,
    clip_threshold: float,
    weight_decay: float,
    decay_all: bool,
) -> optim.Optimizer:
    """w ← w - α u / max(1, RMS(u) / clip_threshold), u = g / √v, α = max(eps, RMS(w)) · min(lr, 1 / √t).

    v is a moving average of g² with β₂ = 1 - t^beta2_decay. Of a matrix only its means over columns, r, and over rows,
    c, are kept: v = r cᵀ / mean(r); so too of each (height, width) kernel of a convolution. A vector keeps v. No first
    moment. Decay is decoupled: w ← w - lr · weight_decay · w, before the step.

    Raises:
        ValueError: lr or eps not above 0, beta2_decay above 0, clip_threshold below 1.

    Source: Algorithms 4 and 5, §8. Differs from the paper: torch bounds v from below by 1e-30 instead of adding it to
    g², and takes 1 / √t as a bound on whatever rate is set.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.Adafactor(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        beta2_decay=checks.number("optimizer.beta2_decay", beta2_decay, most=0),
        eps=(SMALLEST, checks.number("optimizer.eps", eps, above=0)),
        d=checks.number("optimizer.clip_threshold", clip_threshold, least=1),
    )
