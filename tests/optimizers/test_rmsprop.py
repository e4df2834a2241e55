import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.rmsprop import rmsprop
from dropgrid.paths import CONF

PUBLISHED = {"lr": 0.001, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.0}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = rmsprop(layer, lr=0.1, alpha=0.8, eps=1e-3, weight_decay=0.1, decay_all=False)
    squares = torch.zeros_like(layer.weight)

    def follow(weight, gradient):
        squares.mul_(0.8).add_(0.2 * gradient**2)
        return weight - 0.1 * gradient / (squares.sqrt() + 1e-3)

    walk(optimizer, layer, follow)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("alpha", 1), ("alpha", "abc"), ("eps", 0)])
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        rmsprop(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "rmsprop.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
