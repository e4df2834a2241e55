import pytest
import torch
from torch import nn

from dropgrid.optimizers.adafactor import adafactor

DEFAULTS = {
    "lr": 0.05,
    "beta2_decay": -0.8,
    "eps": 1e-3,
    "clip_threshold": 1.0,
    "weight_decay": 0.0,
    "decay_all": False,
}


def rms(tensor):
    return tensor.square().mean().sqrt()


def stepped(value, gradients, **changes):
    """A parameter after a step for each gradient."""
    module = nn.Module()
    module.w = nn.Parameter(value.clone())
    optimizer = adafactor(module, **DEFAULTS | changes)
    for gradient in gradients:
        module.w.grad = gradient.clone()
        optimizer.step()
    return module.w.detach()


def reference(value, gradients, clip=1.0, decay=0.0, lr=0.05):
    """Algorithms 4 and 5 of the paper, with ε₁ = 1e-30."""
    weight = value.clone()
    rows, columns, moment = 0.0, 0.0, 0.0
    for step, gradient in enumerate(gradients, 1):
        beta = 1 - step**-0.8
        square = gradient**2 + 1e-30
        if weight.dim() > 1:
            rows = beta * rows + (1 - beta) * square.sum(-1)
            columns = beta * columns + (1 - beta) * square.sum(-2)
            estimate = torch.einsum("...i,...j->...ij", rows, columns) / rows.sum(-1)[..., None, None]
        else:
            estimate = moment = beta * moment + (1 - beta) * square
        update = gradient / estimate.sqrt()
        rate = max(1e-3, rms(weight)) * min(lr, step**-0.5)
        weight = weight * (1 - lr * decay) - rate * update / max(1.0, rms(update) / clip)
    return weight


@pytest.mark.parametrize("shape", [(4, 6), (5,), (2, 3, 4, 3)])
@pytest.mark.parametrize("changes", [{}, {"clip": 2.0}, {"decay": 0.5}, {"lr": 0.9}])
def test_update_is_the_paper_s_of_matrices_vectors_and_kernels(shape, changes):
    value = torch.randn(shape, dtype=torch.float64)
    scales = torch.linspace(0.1, 3, 12, dtype=torch.float64)
    gradients = [scale * torch.randn(shape, dtype=torch.float64) for scale in scales]
    named = {"clip": "clip_threshold", "decay": "weight_decay", "lr": "lr"}
    given = {named[key]: number for key, number in changes.items()} | {"decay_all": True}
    assert torch.allclose(stepped(value, gradients, **given), reference(value, gradients, **changes), rtol=1e-9)


def test_small_gradients_are_scaled_as_large_ones():
    value, gradient = torch.randn(4, 6), torch.randn(4, 6)
    large, small = (stepped(value, [scale * gradient] * 3) for scale in (1.0, 1e-5))
    assert torch.allclose(large, small, rtol=1e-4)


def test_a_gradient_of_0_leaves_a_weight_where_it_is():
    value = torch.randn(4, 6)
    gradient = torch.randn(4, 6)
    gradient[1] = 0
    assert torch.equal(stepped(value, [gradient] * 2)[1], value[1])


def test_a_parameter_at_0_moves_by_eps():
    moved = stepped(torch.zeros(5), [torch.ones(5)], eps=0.02)
    assert torch.allclose(moved, torch.full((5,), -0.02 * 0.05))


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("beta2_decay", 0.1), ("eps", 0), ("clip_threshold", 0.9)])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        adafactor(nn.Linear(1, 1), **DEFAULTS | {key: value})
