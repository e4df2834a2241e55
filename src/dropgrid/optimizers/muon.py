"""Muon (Jordan et al., 2024)."""

from pytorch_optimizer import Muon
from torch import nn, optim

from dropgrid import checks
from dropgrid.optimizers.groups import parameter_groups


def muon(
    model: nn.Module, *, lr: float, momentum: float, adamw_lr: float, weight_decay: float, decay_all: bool
) -> optim.Optimizer:
    """Hidden weights by orthogonalized momentum, all else by AdamW: m ← μ m + (1 - μ) g, w ← w - lr · s · O.

    O is about the orthogonal factor U Vᵀ of u = (1 - μ) g + μ m = U Σ Vᵀ, by five Newton–Schulz steps; a convolution is
    a matrix (out, in · kernel) there. s = √max(1, rows / columns). Hidden weights are those of convolutions and linear
    layers but the last one; the last, norms and biases take AdamW's step with `adamw_lr`, β = (0.9, 0.95). Decoupled
    decay: w ← w - lr · weight_decay · w, with each group's rate.

    Raises:
        ValueError: a rate not above 0, or momentum not in [0, 1).

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """
    lr = checks.number("optimizer.lr", lr, above=0)
    adamw_lr = checks.number("optimizer.adamw_lr", adamw_lr, above=0)
    last = next((p for p in reversed(list(model.parameters())) if p.dim() > 1), None)
    groups = []
    for group in parameter_groups(model, weight_decay, decay_all):
        hidden = [p for p in group["params"] if p.dim() > 1 and p is not last]
        others = [p for p in group["params"] if p.dim() < 2 or p is last]
        groups.append({**group, "params": hidden, "use_muon": True, "lr": lr})
        groups.append({**group, "params": others, "use_muon": False, "lr": adamw_lr})
    momentum = checks.number("optimizer.momentum", momentum, least=0, below=1)
    return Muon([group for group in groups if group["params"]], momentum=momentum)
