import pytest
import torch
from torch import nn

from dropgrid.optimizers.nesterov import nesterov


def test_it_is_nesterovs_method_in_the_look_ahead_point():
    """Nesterov's own form, u' = m u - lr grad(w + m u), w' = w + u', and torch's follows the points w + m u."""
    layer = nn.Linear(3, 1, bias=False).double()
    x = torch.randn(8, 3, dtype=torch.float64)

    def gradient(weight):
        return 2 * (x @ weight.T).T @ x / 8

    optimizer = nesterov(layer, lr=0.1, momentum=0.9, weight_decay=0.0, decay_all=False)
    weight, velocity = layer.weight.detach().clone(), torch.zeros_like(layer.weight)
    for _ in range(5):
        assert torch.allclose(layer.weight, weight + 0.9 * velocity)
        velocity = 0.9 * velocity - 0.1 * gradient(weight + 0.9 * velocity)
        weight = weight + velocity
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()


def test_decay_is_part_of_the_gradient():
    layer = nn.Linear(3, 1, bias=False).double()
    optimizer = nesterov(layer, lr=0.1, momentum=0.9, weight_decay=0.5, decay_all=False)
    weight = layer.weight.detach().clone()
    layer.weight.grad = torch.zeros_like(layer.weight)
    optimizer.step()
    assert torch.allclose(layer.weight, weight - 0.1 * 1.9 * 0.5 * weight)


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("lr", "abc"), ("momentum", 1), ("momentum", 0)])
def test_bad_values_are_named(key, value):
    arguments = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must be .* got {value!r}"):
        nesterov(nn.Linear(1, 1), **arguments)
