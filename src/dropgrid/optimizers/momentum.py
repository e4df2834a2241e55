"""SGD with momentum (Polyak, 1964)."""

from torch import nn, optim

from dropgrid.optimizers.groups import parameter_groups
from dropgrid.optimizers.values import positive, share


def momentum(model: nn.Module, *, lr: float, momentum: float, weight_decay: float, decay_all: bool) -> optim.Optimizer:
    """v ← momentum · v + g; w ← w - lr · v, with g + weight_decay · w for g.

    Differs from the paper: torch keeps lr outside the velocity, so a falling lr acts on all of it at once.
    """
    groups = parameter_groups(model, weight_decay, decay_all)
    return optim.SGD(groups, lr=positive("lr", lr), momentum=share("momentum", momentum))
