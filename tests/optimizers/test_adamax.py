import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.adamax import adamax
from dropgrid.paths import CONF

PUBLISHED = {"lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = adamax(layer, lr=0.1, betas=[0.8, 0.95], eps=1e-3, weight_decay=0.1, decay_all=False)
    first, highest = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
    steps = iter(range(1, 100))

    def follow(weight, gradient):
        first.mul_(0.8).add_(0.2 * gradient)
        highest.copy_(torch.maximum(0.95 * highest, gradient.abs() + 1e-3))
        return weight - 0.1 / (1 - 0.8 ** next(steps)) * first / highest

    walk(optimizer, layer, follow)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("betas", 0.9), ("betas", [0.9, 1]), ("eps", 0)])
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adamax(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "adamax.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
