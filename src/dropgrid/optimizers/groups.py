"""Which parameters decay, and the values that no optimizer can mean."""

from typing import Any

from torch import nn


def parameter_groups(model: nn.Module, weight_decay: float, decay_all: bool) -> list[dict[str, Any]]:
    """Two groups: weights of convolutions and linear layers with `weight_decay`; norm parameters and biases without.

    What has fewer than two dimensions is a norm's or a bias (He et al., CVPR 2019, "Bag of tricks", §3.1, no bias decay).
    With `decay_all` everything decays.
    """
    non_negative("weight_decay", weight_decay)
    if not isinstance(decay_all, bool):
        raise ValueError(f"optimizer.decay_all must be true or false, got {decay_all!r}")
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in parameters if decay_all or p.dim() > 1]
    others = [p for p in parameters if not (decay_all or p.dim() > 1)]
    found = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in found if group["params"]]


def number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def positive(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is a finite number above 0."""
    if not number(value) or value <= 0:
        raise ValueError(f"optimizer.{name} must be a number above 0, got {value!r}")
    return value


def non_negative(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is a finite number, 0 or more."""
    if not number(value) or value < 0:
        raise ValueError(f"optimizer.{name} must be a number, 0 or more, got {value!r}")
    return value


def share(name: str, value: Any) -> Any:
    """The value, or ValueError unless it is in [0, 1)."""
    if not number(value) or not 0 <= value < 1:
        raise ValueError(f"optimizer.{name} must be in [0, 1), got {value!r}")
    return value
