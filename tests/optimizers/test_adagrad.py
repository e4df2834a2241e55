import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.adagrad import adagrad
from dropgrid.paths import CONF

PUBLISHED = {"lr": 0.01, "eps": 1e-10, "weight_decay": 0.0}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = adagrad(layer, lr=0.1, eps=1e-3, weight_decay=0.1, decay_all=False)
    squares = torch.zeros_like(layer.weight)

    def follow(weight, gradient):
        squares.add_(gradient**2)
        return weight - 0.1 * gradient / (squares.sqrt() + 1e-3)

    walk(optimizer, layer, follow)


def test_what_is_rarely_seen_keeps_its_rate():
    """A feature seen once in 100 steps moves ten times as far then as one that is always there."""
    weight = nn.Parameter(torch.zeros(1, 2, dtype=torch.float64))
    layer = nn.Linear(2, 1, bias=False)
    layer.weight = weight
    optimizer = adagrad(layer, **PUBLISHED, decay_all=False)
    for step in range(100):
        before = weight.detach().clone()
        weight.grad = torch.tensor([[1.0, float(step == 99)]], dtype=torch.float64)
        optimizer.step()
    often, rarely = (before - weight.detach())[0].tolist()
    assert often == pytest.approx(0.001) and rarely == pytest.approx(0.01)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("lr", "abc"), ("eps", 0)])
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adagrad(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "adagrad.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
