"""What every activation must keep: run over each YAML of the axis."""

import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "activation"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FORMULAS = {
    "relu": lambda x: torch.where(x > 0, x, 0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "swish": lambda x: x / (1 + (-x).exp()),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "prelu": lambda x: torch.where(x > 0, x, 0.25 * x),
    "identity": lambda x: x,
}


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("activation", node), node


def test_there_are_options():
    assert set(FORMULAS) <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    build, node = option(name)
    inspect.signature(build.func).bind(**{k: v for k, v in node.items() if not k.startswith("_")})


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 5, 3)])
def test_shape_is_kept_the_input_too_and_gradient_flows(name, shape):
    x = torch.randn(shape, requires_grad=True)
    before = x.detach().clone()
    out = option(name)[0]()(x)
    assert out.shape == x.shape and out.dtype == x.dtype and torch.isfinite(out).all()
    out.sum().backward()
    assert torch.isfinite(x.grad).all() and (x.grad != 0).any()
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_it_is_the_formula_of_its_name(name):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(option(name)[0]().double()(x), FORMULAS[name](x))


@pytest.mark.parametrize("name", OPTIONS)
def test_each_place_has_its_own_and_making_one_draws_nothing(name):
    build, before = option(name)[0], torch.get_rng_state()
    first, second = build(), build()
    assert isinstance(first, nn.Module) and first is not second
    assert torch.equal(torch.get_rng_state(), before)
