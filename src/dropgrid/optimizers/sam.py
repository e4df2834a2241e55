"""Sharpness-aware minimization (Foret et al., ICLR 2021)."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_optimizer import SAM
from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


class Sam(SAM):
    """pytorch_optimizer's SAM; its `step` takes both gradients from the closure and returns the first loss."""

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            loss = closure()
        super().step(closure)
        return loss


def sam(
    model: nn.Module,
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    decay_all: bool,
    rho: float,
    adaptive: bool,
) -> optim.Optimizer:
    """SGD with momentum on the gradient at w + rho · g / ‖g‖₂, g the gradient at w (eq. 2-3): two passes a step.

    `adaptive`: at w + rho · w² g / ‖|w| g‖ (ASAM; Kwon et al., ICML 2021). Both passes see the same batch and masks.
    Norms' moving averages see both.

    Raises:
        ValueError: lr or rho not above 0, momentum outside [0, 1), adaptive not a bool.
    """
    checks.boolean("optimizer.adaptive", adaptive)
    groups = parameter_groups(model, weight_decay, decay_all)
    made: optim.Optimizer = Sam(
        groups,
        optim.SGD,
        rho=checks.number("optimizer.rho", rho, above=0),
        adaptive=adaptive,
        lr=checks.number("optimizer.lr", lr, above=0),
        momentum=checks.number("optimizer.momentum", momentum, least=0, below=1),
    )
    return made
