"""Which parameters decay."""

from typing import Any

from torch import nn

from dropgrid.optimizers.values import non_negative


def parameter_groups(model: nn.Module, weight_decay: float, decay_all: bool) -> list[dict[str, Any]]:
    """Two groups: weights of convolutions and linear layers with `weight_decay`; norm parameters and biases without.

    What has fewer than two dimensions is a norm's, a bias, or an activation's own (PReLU's slope). With `decay_all`
    everything decays. Source: He et al., "Bag of tricks", CVPR 2019, §3.1, "no bias decay".
    """
    non_negative("weight_decay", weight_decay)
    if not isinstance(decay_all, bool):
        raise ValueError(f"optimizer.decay_all must be true or false, got {decay_all!r}")
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in parameters if decay_all or p.dim() > 1]
    others = [p for p in parameters if not (decay_all or p.dim() > 1)]
    found = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in found if group["params"]]
