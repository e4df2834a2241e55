import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.lion import lion
from dropgrid.paths import CONF

PUBLISHED = {"lr": 1e-4, "betas": [0.9, 0.99]}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = lion(layer, lr=0.01, betas=[0.8, 0.95], weight_decay=0.5, decay_all=False)
    moment = torch.zeros_like(layer.weight)

    def follow(weight, gradient):
        gradient = gradient - 0.1 * weight  # `walk` adds a decay to the gradient, which this has beside it
        step = torch.sign(0.8 * moment + 0.2 * gradient)
        moment.mul_(0.95).add_(0.05 * gradient)
        return weight * (1 - 0.01 * 0.5) - 0.01 * step

    walk(optimizer, layer, follow)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("betas", 0.9), ("betas", [0.9, 1])])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        lion(nn.Linear(1, 1), **PUBLISHED | {"weight_decay": 0.0, "decay_all": False, key: value})


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "lion.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
