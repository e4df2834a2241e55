"""The optimizers whose paths are drawn: the options of conf/optimizer, as a training takes them."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import hydra
import torch
from torch import nn, optim

from dropgrid.instantiate import call, instantiate
from dropgrid.planning.compose import group_options, hydra_context, resolved_config
from dropgrid.planning.explain import explained

Make = Callable[[nn.Module], optim.Optimizer]

WITHOUT_RATE = ("adadelta",)
"""Their papers have no rate: torch's lr multiplies the step, and stays what the YAML says at the common rate."""


class Point(nn.Module):
    """The network whose only parameter is where it stands: two float64."""

    def __init__(self, at: tuple[float, float]):
        super().__init__()
        self.position = nn.Parameter(torch.tensor(at, dtype=torch.float64))


def nodes() -> dict[str, dict[str, Any]]:
    """Option -> its config, composed as a run composes it, without weight decay.

    A function of two numbers has no batches: `gradient_descent` is `sgd` there, and left out.
    """
    with hydra_context(), explained():
        names = group_options("optimizer")
        found = {
            name: resolved_config(hydra.compose("train", overrides=[f"optimizer={name}"]))["optimizer"]
            for name in names
        }
    found = {name: node for name, node in found.items() if not whole(node)}
    return {name: {**node, **({"weight_decay": 0.0} if "weight_decay" in node else {})} for name, node in found.items()}


def whole(node: Mapping[str, Any]) -> bool:
    """Whether an option is told from another by its batch alone."""
    return bool(getattr(instantiate("optimizer", node).func, "whole_set", False))


def maker(node: Mapping[str, Any], rate: float) -> Make:
    """network -> optimizer at a rate."""
    return partial(call, "optimizer", instantiate("optimizer", {**node, "lr": rate}))


def needs_closure(node: Mapping[str, Any]) -> bool:
    """Whether its step asks for the loss again: its path is then not one of gradients taken where it stands."""
    made = instantiate("optimizer", node)(Point((0.0, 0.0)))
    closure = inspect.signature(made.step).parameters["closure"]
    return closure.default is inspect.Parameter.empty


def common(name: str, node: Mapping[str, Any], rate: float) -> float:
    """An option's rate where there is one for all."""
    return float(node["lr"]) if name in WITHOUT_RATE else rate
