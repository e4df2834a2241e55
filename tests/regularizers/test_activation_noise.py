import pytest
import torch
from torch import nn

from dropgrid.regularizers.activation_noise import BinaryUnits, GaussianNoise, activation_noise
from dropgrid.sites import Site

HIDDEN = Site("layer1", "hidden", 1, 2, 1, 2, True)
GIVEN = {"std": 0.3, "groups": None, "schedule": "constant", "inference": False}


def test_gaussian_noise_has_its_standard_deviation_and_is_normal():
    x = torch.full((200, 50), 2.0)
    noise = GaussianNoise(0.7)(x) - x
    assert abs(noise.mean()) < 5 * 0.7 / 100
    assert abs(noise.std() - 0.7) < 0.02
    sorted_, normal = noise.flatten().sort().values / 0.7, torch.distributions.Normal(0, 1)
    empirical = torch.arange(1, 10_001) / 10_000
    assert (normal.cdf(sorted_) - empirical).abs().max() < 1.95 / 100  # Kolmogorov, p = 0.001


def test_gaussian_noise_is_a_function_of_the_key():
    module, x = GaussianNoise(0.5), torch.zeros(3, 4)
    module.advance(0.5, 7)
    one, again = module(x), module(x)
    module.advance(0.5, 8)
    assert torch.equal(one, again) and not torch.equal(one, module(x))


def test_binary_units_are_1_with_their_probability_and_pass_the_gradient_straight_through():
    p = torch.linspace(0, 1, 11).repeat(4000, 1).requires_grad_()
    units = BinaryUnits()(p)
    assert ((units.detach() - units.detach().round()).abs() < 1e-6).all()
    rates = units.detach().mean(0)
    wanted = p[0].detach()
    assert ((rates - wanted).abs() <= 5 * (wanted * (1 - wanted) / 4000).sqrt() + 1e-6).all()
    weights = torch.randn(p.shape)
    (units * weights).sum().backward()
    assert torch.equal(p.grad, weights)


def test_it_acts_after_layers_of_the_wanted_groups():
    assert isinstance(activation_noise(HIDDEN, kind="gaussian", **GIVEN), GaussianNoise)
    assert isinstance(activation_noise(HIDDEN, kind="binary", **GIVEN), BinaryUnits)
    assert isinstance(activation_noise(HIDDEN, kind="binary", **{**GIVEN, "groups": [2]}), nn.Identity)
    assert isinstance(activation_noise(Site("head", "head"), kind="gaussian", **GIVEN), nn.Identity)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="regularizer.kind must be gaussian or binary, got 'uniform'"):
        activation_noise(HIDDEN, kind="uniform", **GIVEN)
