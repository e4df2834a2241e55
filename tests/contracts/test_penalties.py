"""What every penalty must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate, locate

FOLDER = Path(__file__).parents[2] / "conf" / "penalty"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("penalty", {**node, **changes}), node


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))


def test_there_are_options():
    assert {"none", "l1", "l2", "elastic", "max_norm"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    _, node = option(name)
    parameters = inspect.signature(locate("penalty", node["_target_"])).parameters
    assert {k for k in node if not k.startswith("_")} == set(parameters)
    assert all(p.default is inspect.Parameter.empty for p in parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "none"])
def test_it_acts_on_weights_and_on_nothing_else(name):
    penalty, net = option(name)[0], network()
    for parameter in net.parameters():
        parameter.data.mul_(100)
    before = {key: p.detach().clone() for key, p in net.named_parameters()}
    term = penalty.term(net)
    if isinstance(term, torch.Tensor):
        term.backward()
    penalty.project(net)
    acted = {key for key, p in net.named_parameters() if p.grad is not None or not torch.equal(p, before[key])}
    assert acted == {"0.weight", "3.weight"}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "none"])
@pytest.mark.parametrize("value", [0, -1, "abc", None, float("inf")])
def test_strengths_not_above_0_are_named(name, value):
    for key in [key for key in option(name)[1] if not key.startswith("_")]:
        with pytest.raises(UserError, match=rf"^penalty\.{key} must be a number above 0, got {value!r}$"):
            option(name, **{key: value})
