"""SOAP (Vyas et al., ICLR 2025)."""

from collections.abc import Sequence

from pytorch_optimizer import SOAP
from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def soap(
    model: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    eps: float,
    precondition_frequency: int,
    max_precondition_dim: int,
    weight_decay: float,
    decay_all: bool,
) -> optim.Optimizer:
    """AdamW in the eigenbasis of Shampoo's preconditioner: w ← w - lr · Q_L (m̂' / (√v̂ + eps)) Q_Rᵀ, of a matrix w.

    L ← β₂ L + (1 - β₂) g gᵀ and R ← β₂ R + (1 - β₂) gᵀ g; Q_L and Q_R are their eigenvectors, corrected every
    `precondition_frequency` steps by a step of power iteration and QR. m is Adam's average of g, m' = Q_Lᵀ m Q_R; v is
    that of (Q_Lᵀ g Q_R)². A convolution has a basis for each of its four dimensions; a dimension longer than
    `max_precondition_dim` has none, and a vector takes AdamW's step. Decay is decoupled, after the step:
    w ← w - lr · weight_decay · w. The first step only sets the bases.

    Raises:
        ValueError: lr or eps not above 0, betas not two numbers in [0, 1), a frequency or dimension below 1.

    Source: Algorithms 3 and 4. Differs from the paper: corrected bases, and v, are sorted by eigenvalue, as in the
    authors' code.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    made: optim.Optimizer = SOAP(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        betas=checks.pair("optimizer.betas", betas, least=0, below=1),
        eps=checks.number("optimizer.eps", eps, above=0),
        precondition_frequency=checks.whole_number("optimizer.precondition_frequency", precondition_frequency, 1),
        max_precondition_dim=checks.whole_number("optimizer.max_precondition_dim", max_precondition_dim, 1),
    )
    return made
