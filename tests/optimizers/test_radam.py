import pytest
import torch
from torch import nn

from dropgrid.optimizers.radam import radam

DEFAULTS = {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.0, "decay_all": False}


def test_update_is_the_formula_before_and_after_its_warm_up(walk):
    layer = nn.Linear(3, 2, bias=False).double()
    optimizer = radam(layer, **DEFAULTS)
    first, second = torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)
    steps, rectified = iter(range(1, 100)), []

    def follow(weight, gradient):
        gradient = gradient - 0.1 * weight  # `walk` adds a decay that this does not have
        step = next(steps)
        first.mul_(0.8).add_(0.2 * gradient)
        second.mul_(0.9).add_(0.1 * gradient**2)
        mean = first / (1 - 0.8**step)
        limit = 2 / (1 - 0.9) - 1
        length = limit - 2 * step * 0.9**step / (1 - 0.9**step)
        rectified.append(length > 5)
        if length <= 5:
            return weight - 0.1 * mean
        scale = ((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) ** 0.5
        return weight - 0.1 * scale * mean * (1 - 0.9**step) ** 0.5 / (second.sqrt() + 1e-3)

    walk(optimizer, layer, follow, rtol=1e-6, atol=1e-8)
    assert not rectified[0] and rectified[-1]


def test_decay_is_decoupled():
    layer = nn.Linear(3, 2, bias=False)
    before = layer.weight.detach().clone()
    optimizer = radam(layer, **DEFAULTS | {"weight_decay": 0.5})
    layer.weight.grad = torch.zeros_like(layer.weight)
    optimizer.step()
    assert torch.allclose(layer.weight, before * (1 - 0.1 * 0.5))


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("betas", 0.9), ("betas", [0.9, 1]), ("eps", 0)])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        radam(nn.Linear(1, 1), **DEFAULTS | {key: value})
