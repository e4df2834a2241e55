from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.models.layers import Conv2d, Linear
from dropgrid.norms.spectral import spectral

LAYERS = [partial(Conv2d, 4, 6, 3), partial(Linear, 9, 6)]


def made(make, power_iterations=1, passes=0):
    """A float64 layer after so many forward passes in training."""
    torch.manual_seed(0)
    layer = spectral(make, 6, power_iterations=power_iterations)[0].double()
    for _ in range(passes):
        _ = layer.weight
    return layer


def largest(weight):
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2))


def beneath(layer):
    return layer.parametrizations.weight.original


@pytest.mark.parametrize("make", LAYERS)
def test_the_largest_singular_value_becomes_1(make):
    layer = made(make, passes=300)
    assert largest(layer.weight) == pytest.approx(1, abs=1e-9)
    assert torch.allclose(layer.weight, beneath(layer) / largest(beneath(layer)))
    assert layer.bias is not None and isinstance(spectral(make, 6, power_iterations=1)[1], nn.Identity)


@pytest.mark.parametrize("make", LAYERS)
def test_the_estimate_comes_from_below_and_sooner_with_more_iterations(make):
    layer = made(make)
    values = [largest(layer.weight) for _ in range(20)]
    assert values == sorted(values, reverse=True) and 1 <= values[-1] < values[0] < 2
    assert largest(made(make, power_iterations=5).weight) == pytest.approx(values[4])


@pytest.mark.parametrize("make", LAYERS)
def test_the_gradient_is_that_of_division_by_the_singular_value(make):
    layer = made(make, passes=300)
    direction = torch.randn_like(beneath(layer))
    (layer.weight * direction).sum().backward()
    exact = beneath(layer).detach().clone().requires_grad_()
    (exact / torch.linalg.matrix_norm(exact.flatten(1), 2) * direction).sum().backward()
    assert torch.allclose(beneath(layer).grad, exact.grad, atol=1e-6)


def test_inference_stores_nothing_and_needs_no_u_of_length_1():
    layer = made(LAYERS[0], passes=3).eval()
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    first = layer.weight
    assert torch.equal(layer.weight, first)
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    layer.parametrizations.weight[0].u.mul_(0.3)  # as an average of several
    assert torch.allclose(layer.weight, first)
    assert largest(made(LAYERS[0]).eval().weight) < 2  # before any training too


def test_training_goes_on_from_its_state():
    layer, other = made(LAYERS[0], passes=3), made(LAYERS[0])
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.weight, layer.weight) and torch.equal(other.weight, layer.weight)


def test_its_start_is_the_same_for_all_and_takes_no_global_random_numbers():
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        LAYERS[0](bias=True)
        state = torch.get_rng_state()
        torch.manual_seed(seed)
        layer, _ = spectral(LAYERS[0], 6, power_iterations=1)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(layer.parametrizations.weight[0].u)
    assert torch.equal(*found) and float(found[0].norm()) == pytest.approx(1)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "abc"])
def test_bad_values_are_named(value):
    with pytest.raises(ValueError, match=rf"norm\.power_iterations must be a whole number, 1 or more, got {value!r}"):
        spectral(LAYERS[0], 6, power_iterations=value)
