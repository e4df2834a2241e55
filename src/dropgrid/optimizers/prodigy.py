"""Prodigy (Mishchenko, Defazio, ICML 2024)."""

from collections.abc import Sequence

from pytorch_optimizer import Prodigy
from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def prodigy(
    model: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    eps: float,
    d0: float,
    d_coef: float,
    safeguard_warmup: bool,
    weight_decay: float,
    decay_all: bool,
) -> optim.Optimizer:
    """AdamW at a rate d that it estimates from the distance to the solution: w ← w - lr · d m / (√v + d eps).

    m ← β₁ m + (1 - β₁) d g, v ← β₂ v + (1 - β₂) d² g², not corrected. With β₃ = √β₂, over all parameters,
    r ← β₃ r + lr · d² ⟨g, w₀ - w⟩ / d₀, s ← β₃ s + lr · d² g / d₀, and then d ← max(d, d_coef · r / ‖s‖₁).
    Decay is decoupled: w ← w - lr · d · weight_decay · w, with the d before the step. `safeguard_warmup` leaves lr out
    of s.

    Raises:
        ValueError: lr, eps, d0 or d_coef not above 0, betas not two numbers in [0, 1), safeguard_warmup not a bool, or
            a model some of whose parameters learn at another rate.

    Source: Algorithm 4. Differs from the paper: no factors 1 - β₃, which cancel in r / s; eps takes the new d, as in
    the authors' code.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    if any("lr_scale" in group for group in groups):
        raise ValueError("optimizer=prodigy has one rate for all parameters, and model.branch_scale gives some another")
    made: optim.Optimizer = Prodigy(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
        d0=checks.number("optimizer.d0", d0, above=0),
        d_coef=checks.number("optimizer.d_coef", d_coef, above=0),
        safeguard_warmup=checks.boolean("optimizer.safeguard_warmup", safeguard_warmup),
    )
    return made
