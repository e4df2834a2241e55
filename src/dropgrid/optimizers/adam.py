"""Adam (Kingma, Ba, ICLR 2015)."""

from collections.abc import Sequence

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups
from dropgrid.optimizers.uncorrected import UncorrectedAdam


def adam(
    model: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    eps: float,
    bias_correction: bool,
    weight_decay: float,
    decay_all: bool,
) -> optim.Optimizer:
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; w ← w - lr · m̂ / (√v̂ + eps), m̂ and v̂ corrected for their start at 0.

    With `bias_correction` false m and v stand for them (§6.4): on a constant gradient step t is (1-β₁ᵗ)/√(1-β₂ᵗ) times
    as long, 3.2 times at first, 6.6 times at the twelfth, with the default betas. weight_decay is added to the
    gradient, so it is not decoupled: see adamw.

    Raises:
        ValueError: lr or eps not above 0, betas not two numbers in [0, 1), bias_correction not a bool.

    Source: Algorithm 1.
    """
    checks.boolean("optimizer.bias_correction", bias_correction)
    groups = parameter_groups(model, weight_decay, decay_all)
    kind = optim.Adam if bias_correction else UncorrectedAdam
    return kind(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
    )
