"""Parameter groups: which parameters decay, and which have a scaled learning rate."""

from typing import Any

from torch import nn

from dropgrid import checks


def parameter_groups(model: nn.Module, weight_decay: float, decay_all: bool) -> list[dict[str, Any]]:
    """Return two groups: weights of convolutions and linear layers with `weight_decay`, norms and biases without.

    Parameters with fewer than two dimensions belong to norms, biases or activations (PReLU's slope). With `decay_all`
    all parameters decay. Parameters of a module with an `lr_scale` are in separate groups, whose learning rate the
    learner multiplies by it. Source: He et al., "Bag of tricks", CVPR 2019, §3.1, "no bias decay".
    """
    checks.number("optimizer.weight_decay", weight_decay, least=0)
    checks.boolean("optimizer.decay_all", decay_all)
    slow = [(module, float(getattr(module, "lr_scale", 1.0))) for module in model.modules()]
    scales = {p: scale for module, scale in slow if scale != 1 for p in module.parameters(recurse=False)}
    found = []
    for scale in sorted({1.0, *scales.values()}, reverse=True):
        own = [p for p in model.parameters() if p.requires_grad and scales.get(p, 1.0) == scale]
        scaled = {} if scale == 1 else {"lr_scale": scale}
        found.append({"params": [p for p in own if decay_all or p.dim() > 1], "weight_decay": weight_decay, **scaled})
        found.append({"params": [p for p in own if not (decay_all or p.dim() > 1)], "weight_decay": 0.0, **scaled})
    return [group for group in found if group["params"]]
