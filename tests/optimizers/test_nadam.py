import math

import pytest
import torch
import yaml
from torch import nn

from dropgrid.optimizers.nadam import nadam
from dropgrid.paths import CONF

PUBLISHED = {"lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "momentum_decay": 0.004, "weight_decay": 0.0}


def test_update_is_the_formula(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = nadam(
        layer, lr=0.1, betas=[0.8, 0.95], eps=1e-3, momentum_decay=0.05, weight_decay=0.1, decay_all=False
    )
    first, second = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
    mus = [0.8 * (1 - 0.5 * 0.96 ** (0.05 * step)) for step in range(1, 100)]
    steps = iter(range(1, 100))

    def follow(weight, gradient):
        step = next(steps)
        first.mul_(0.8).add_(0.2 * gradient)
        second.mul_(0.95).add_(0.05 * gradient**2)
        now, ahead = math.prod(mus[:step]), math.prod(mus[: step + 1])
        mean = mus[step] * first / (1 - ahead) + (1 - mus[step - 1]) * gradient / (1 - now)
        return weight - 0.1 * mean / ((second / (1 - 0.95**step)).sqrt() + 1e-3)

    walk(optimizer, layer, follow, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("key", "value"), [("lr", 0), ("betas", 0.9), ("betas", [0.9, 1]), ("eps", 0), ("momentum_decay", -1)]
)
def test_bad_values_are_named(key, value):
    arguments = {**PUBLISHED, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        nadam(nn.Linear(1, 1), **arguments)


def test_the_defaults_are_those_published():
    node = yaml.safe_load((CONF / "optimizer" / "nadam.yaml").read_text())
    assert {key: node[key] for key in PUBLISHED} == PUBLISHED
