"""Lion (Chen et al., NeurIPS 2023)."""

from collections.abc import Sequence

from pytorch_optimizer import Lion
from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def lion(
    model: nn.Module, *, lr: float, betas: Sequence[float], weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """w ← w - lr · (sign(β₁ m + (1 - β₁) g) + weight_decay · w), then m ← β₂ m + (1 - β₂) g: one moment, equal steps.

    Raises:
        ValueError: lr not above 0, betas not two numbers in [0, 1).

    Source: Algorithm 2. Every weight moves by lr, so that rates are 3 to 10 times smaller than Adam's, and the decay as
    much larger (§5).
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    lr = checks.number("optimizer.lr", lr, above=0)
    return Lion(groups, lr=lr, betas=checks.pair("optimizer.betas", betas, least=0, below=1))
