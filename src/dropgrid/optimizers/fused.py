"""torch's fused form of an optimizer: one kernel a step."""

import inspect

from torch import optim


def fused(optimizer: optim.Optimizer) -> optim.Optimizer:
    """Return the optimizer in torch's fused form, one kernel a step: equal formula, different rounding.

    Raises:
        ValueError: torch has no fused form of it.
    """
    kind = type(optimizer)
    accepted = inspect.signature(kind).parameters
    if "fused" not in accepted:
        raise ValueError(f"trainer.fused=true, but torch has no fused form of {kind.__name__}")
    defaults = {name: value for name, value in optimizer.defaults.items() if name in accepted}
    groups = [{**group, "fused": True} for group in optimizer.param_groups]
    return kind(groups, **{**defaults, "fused": True})
