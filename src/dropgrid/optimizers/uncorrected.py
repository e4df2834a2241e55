"""Adam without bias correction, which torch's Adam cannot switch off."""

from collections.abc import Callable
from typing import Any

import torch
from torch import optim


class UncorrectedAdam(optim.Optimizer):
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; w ← w - lr · m / (√v + eps), m and v from 0.

    With g + weight_decay · w for g, `weight_decay` being each group's own.
    """

    def __init__(self, params: Any, *, lr: float, betas: tuple[float, float], eps: float):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                state = self.state[parameter]
                if not state:
                    state["m"], state["v"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                state["m"].lerp_(gradient, 1 - first)
                state["v"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
                parameter.addcdiv_(state["m"], state["v"].sqrt().add_(group["eps"]), value=-group["lr"])
        return loss
