"""What every average of weights must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from pathlib import Path

import pytest
import torch
import yaml

from dropgrid.instantiate import instantiate, locate

FOLDER = Path(__file__).parents[2] / "conf" / "average"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("average", {**node, **changes}), node


def test_there_are_options():
    assert {"none", "ema", "swa"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    _, node = option(name)
    parameters = inspect.signature(locate("average", node["_target_"])).parameters
    assert {k for k in node if not k.startswith("_")} == set(parameters)
    assert all(p.default is inspect.Parameter.empty for p in parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "none"])
def test_the_average_of_equal_weights_is_themselves_and_it_has_the_last_step(name):
    average, _ = option(name)
    weights = [torch.randn(3, 2), torch.randn(4)]
    averaged = [each.clone() for each in weights]
    average.update(averaged, weights, 5)
    assert all(torch.allclose(one, other) for one, other in zip(averaged, weights, strict=True))
    assert average.due(100, 100, 7)
