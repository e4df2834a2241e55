import pytest
import torch
from torch import nn

from dropgrid.optimizers.momentum import momentum


def test_update_is_the_formula_and_a_falling_rate_acts_on_all_of_the_velocity():
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = momentum(layer, lr=0.1, momentum=0.9, weight_decay=0.01, decay_all=False)
    x = torch.randn(8, 3, dtype=torch.float64)
    velocity = torch.zeros_like(layer.weight)
    for lr in (0.1, 0.1, 0.01, 0.01):
        optimizer.param_groups[0]["lr"] = lr
        weight = layer.weight.detach().clone()
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
        velocity = 0.9 * velocity + layer.weight.grad + 0.01 * weight
        assert torch.allclose(layer.weight, weight - lr * velocity)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("lr", "abc"), ("momentum", 1), ("momentum", -0.1)])
def test_bad_values_are_named(key, value):
    arguments = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must be .* got {value!r}"):
        momentum(nn.Linear(1, 1), **arguments)
