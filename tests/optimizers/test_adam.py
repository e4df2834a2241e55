from itertools import pairwise

import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.adam import adam
from dropgrid.paths import CONF

PUBLISHED = {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "bias_correction": True, "weight_decay": 0.0}


@pytest.mark.parametrize("correction", [True, False])
def test_update_is_the_formula(correction):
    layer = nn.Linear(3, 2, bias=False).double()
    arguments = {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1, "decay_all": False}
    optimizer = adam(layer, **arguments, bias_correction=correction)
    x = torch.randn(8, 3, dtype=torch.float64)
    first, second = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
    for step in range(1, 25):
        weight = layer.weight.detach().clone()
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
        gradient = layer.weight.grad + 0.1 * weight
        first = 0.8 * first + 0.2 * gradient
        second = 0.95 * second + 0.05 * gradient**2
        whole = [1 - beta**step if correction else 1 for beta in (0.8, 0.95)]
        move = (first / whole[0]) / ((second / whole[1]).sqrt() + 1e-3)
        assert torch.allclose(layer.weight, weight - 0.1 * move)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0),
        ("lr", "abc"),
        ("eps", 0),
        ("betas", 0.9),
        ("betas", [0.9]),
        ("betas", [0.9, 1]),
        ("bias_correction", 1),
    ],
)
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adam(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "adam.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED


def test_with_its_correction_it_is_torchs():
    assert type(adam(nn.Linear(1, 1), **PUBLISHED, decay_all=False)) is torch.optim.Adam


def test_without_it_steps_on_a_constant_gradient_are_too_long_at_first():
    lengths = []
    for correction in (True, False):
        layer = nn.Linear(1, 1, bias=False).double()
        optimizer = adam(layer, **PUBLISHED | {"bias_correction": correction}, decay_all=False)
        places = [layer.weight.item()]
        for _ in range(12):
            layer.weight.grad = torch.ones_like(layer.weight)
            optimizer.step()
            places.append(layer.weight.item())
        lengths.append([before - after for before, after in pairwise(places)])
    ratios = [wrong / right for right, wrong in zip(*lengths, strict=True)]
    assert ratios == pytest.approx([(1 - 0.9**t) / (1 - 0.999**t) ** 0.5 for t in range(1, 13)], rel=1e-5)
    assert ratios[0] == pytest.approx(3.16, abs=0.01) and ratios[11] == pytest.approx(6.56, abs=0.01)
