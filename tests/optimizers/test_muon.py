import pytest
import torch
from torch import nn

from dropgrid.optimizers.muon import muon

DEFAULTS = {"lr": 0.02, "momentum": 0.95, "adamw_lr": 3e-4, "weight_decay": 0.0, "decay_all": False}


def network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 4)
    )


def stepped(model, steps=1, **changes):
    """The change of each parameter over some steps at one gradient of random numbers."""
    optimizer = muon(model, **DEFAULTS | changes)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    torch.manual_seed(1)
    gradients = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    for _ in range(steps):
        for name, p in model.named_parameters():
            p.grad = gradients[name].clone()
        optimizer.step()
    return {name: p.detach() - before[name] for name, p in model.named_parameters()}, gradients


def test_a_hidden_weight_moves_by_the_orthogonal_factor_of_its_gradient():
    moved, gradients = stepped(network())
    for name, shape in (("0.weight", (6, 27)), ("3.weight", (8, 24))):
        u, _, v = torch.linalg.svd(gradients[name].reshape(shape), full_matrices=False)
        step = -moved[name].reshape(shape) / 0.02
        values = torch.linalg.svdvals(step)
        assert 0.6 < values.min() and values.max() < 1.25, "five Newton–Schulz steps bring Σ near 1"
        aligned = torch.diag(u.T @ step @ v.T)
        assert (aligned > 0.6).all() and torch.allclose(u @ (u.T @ step @ v.T) @ v, step, atol=0.05)


def test_norms_biases_and_the_last_layer_take_adamw_s_step():
    model = network()
    moved, gradients = stepped(model)
    for name in ("0.bias", "1.weight", "1.bias", "3.bias", "5.weight", "5.bias"):
        assert torch.allclose(moved[name], -3e-4 * gradients[name].sign(), atol=1e-6), name


def test_a_tall_matrix_moves_further():
    wide, _ = stepped(nn.Sequential(nn.Linear(16, 4, bias=False), nn.Linear(4, 2)))
    tall, _ = stepped(nn.Sequential(nn.Linear(4, 16, bias=False), nn.Linear(16, 2)))
    ratio = torch.linalg.svdvals(tall["0.weight"]).mean() / torch.linalg.svdvals(wide["0.weight"]).mean()
    assert 1.7 < ratio < 2.3  # √(16 / 4)


def test_decay_is_decoupled_with_each_group_s_rate():
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    plain, _ = stepped(network_like(model))
    decayed, _ = stepped(network_like(model), weight_decay=0.5)
    assert torch.allclose(decayed["3.weight"] - plain["3.weight"], -0.02 * 0.5 * before["3.weight"], atol=1e-4)
    assert torch.allclose(decayed["5.weight"] - plain["5.weight"], -3e-4 * 0.5 * before["5.weight"], atol=1e-6)
    assert torch.equal(decayed["3.bias"], plain["3.bias"])


def network_like(model):
    made = network()
    made.load_state_dict(model.state_dict())
    return made


@pytest.mark.parametrize(("key", "value"), [("lr", 0), ("adamw_lr", 0), ("momentum", 1), ("momentum", -0.1)])
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        muon(network(), **DEFAULTS | {key: value})
