import pytest
import torch
from torch import nn

from dropgrid.optimizers.sgd import sgd


def test_update_is_the_formula():
    layer = nn.Linear(3, 2).double()
    optimizer = sgd(layer, lr=0.1, weight_decay=0.01, decay_all=False)
    x = torch.randn(8, 3, dtype=torch.float64)
    for _ in range(3):
        weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
        assert torch.allclose(layer.weight, weight - 0.1 * (layer.weight.grad + 0.01 * weight))
        assert torch.allclose(layer.bias, bias - 0.1 * layer.bias.grad)


@pytest.mark.parametrize("lr", [0, -1, "abc"])
def test_a_learning_rate_not_above_0_is_named(lr):
    with pytest.raises(ValueError, match=rf"optimizer\.lr must be a number above 0, got {lr!r}"):
        sgd(nn.Linear(1, 1), lr=lr, weight_decay=0.0, decay_all=False)
