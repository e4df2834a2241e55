import pytest
import torch
from torch import nn

from dropgrid.optimizers.adamw import adamw


def test_update_is_the_formula():
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = adamw(layer, lr=0.1, betas=[0.8, 0.95], eps=1e-3, weight_decay=0.1, decay_all=False)
    x = torch.randn(8, 3, dtype=torch.float64)
    first, second = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
    for step in range(1, 5):
        weight = layer.weight.detach().clone()
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
        gradient = layer.weight.grad
        first = 0.8 * first + 0.2 * gradient
        second = 0.95 * second + 0.05 * gradient**2
        move = (first / (1 - 0.8**step)) / ((second / (1 - 0.95**step)).sqrt() + 1e-3)
        assert torch.allclose(layer.weight, weight - 0.1 * move - 0.1 * 0.1 * weight)


@pytest.mark.parametrize(
    ("key", "value"), [("lr", 0), ("lr", "abc"), ("eps", 0), ("betas", 0.9), ("betas", [0.9]), ("betas", [0.9, 1])]
)
def test_bad_values_are_named(key, value):
    arguments = {"lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0, "decay_all": False, key: value}
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adamw(nn.Linear(1, 1), **arguments)
