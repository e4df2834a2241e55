"""SGD with momentum (Polyak, 1964)."""

from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def momentum(model: nn.Module, *, lr: float, momentum: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """v ← momentum · v + g; w ← w - lr · v, with g + weight_decay · w for g.

    Differs from the paper: torch keeps lr outside the velocity, so a falling lr acts on all of it at once.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.SGD(
        groups,
        lr=checks.number("optimizer.lr", lr, above=0),
        momentum=checks.number("optimizer.momentum", momentum, least=0, below=1),
    )
