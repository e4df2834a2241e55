import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.adadelta import adadelta
from dropgrid.paths import CONF

PUBLISHED = {"lr": 1.0, "rho": 0.95, "eps": 1e-6, "weight_decay": 0.0}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = adadelta(layer, lr=0.5, rho=0.9, eps=1e-4, weight_decay=0.1, decay_all=False)
    squares, moves = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)

    def follow(weight, gradient):
        squares.mul_(0.9).add_(0.1 * gradient**2)
        move = gradient * (moves + 1e-4).sqrt() / (squares + 1e-4).sqrt()
        moves.mul_(0.9).add_(0.1 * move**2)
        return weight - 0.5 * move

    walk(optimizer, layer, follow)


@pytest.mark.parametrize("size", [1.0, 1e3])
def test_the_first_step_is_as_long_whatever_the_gradient(size):
    layer = nn.Linear(1, 1, bias=False).double()
    before = layer.weight.item()
    layer.weight.grad = torch.full_like(layer.weight, size)
    adadelta(layer, **PUBLISHED, decay_all=False).step()
    assert before - layer.weight.item() == pytest.approx((1e-6 / 0.05) ** 0.5, rel=1e-4)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("rho", 1), ("rho", "abc"), ("eps", 0)])
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adadelta(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "adadelta.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
