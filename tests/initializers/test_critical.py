import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.initializers.critical import critical, critical_point

Z = np.random.default_rng(0).standard_normal((2, 1_000_000))

LEAKY = partial(nn.LeakyReLU, 0.2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


CURVES = {
    nn.ReLU: (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    LEAKY: (lambda x: np.where(x > 0, x, 0.2 * x), lambda x: np.where(x > 0, 1, 0.2)),
    nn.Tanh: (np.tanh, lambda x: np.cosh(x) ** -2),
    nn.Sigmoid: (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    nn.SiLU: (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    nn.ELU: (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
}
"""φ and φ', written down apart from torch."""

CASES = [
    (nn.ReLU, 0.0),
    (LEAKY, 0.0),
    (nn.Tanh, 0.0),
    (nn.Tanh, 0.1),
    (nn.Tanh, 1.0),
    (nn.Sigmoid, 0.0),
    (nn.Sigmoid, 0.5),
    (nn.SiLU, 1.0),
    (nn.ELU, 0.0),
    (nn.ELU, 0.5),
]


def monte_carlo(values):
    """Mean and five standard errors."""
    return values.mean(), 5 * values.std() / len(values) ** 0.5


def variance(point):
    """q*, or where it is a limit a variance as small as makes no difference."""
    return point.q or 1e-12


@pytest.mark.parametrize(("activation", "sigma_b"), CASES)
def test_small_differences_neither_grow_nor_shrink(activation, sigma_b):
    """χ₁ = σ_w² E[φ'(√q* z)²] = 1."""
    point = critical_point(activation, sigma_b)
    slope = CURVES[activation][1](math.sqrt(variance(point)) * Z[0])
    mean, error = monte_carlo(slope**2 * point.sigma_w**2)
    assert mean == pytest.approx(1, abs=error + 1e-5)


@pytest.mark.parametrize(("activation", "sigma_b"), CASES)
def test_the_variance_stays(activation, sigma_b):
    point = critical_point(activation, sigma_b)
    q = variance(point)
    output = CURVES[activation][0](math.sqrt(q) * Z[0])
    mean, error = monte_carlo(output**2 * point.sigma_w**2)
    assert mean + sigma_b**2 == pytest.approx(q, abs=error + 1e-5 * q)


@pytest.mark.parametrize(("activation", "sigma_b"), CASES)
def test_the_correlation_of_two_inputs_has_slope_1_at_1(activation, sigma_b):
    """c' = (σ_w² E[φ(√q z₁) φ(√q (c z₁ + √(1-c²) z₂))] + σ_b²) / q; (1 - c') / (1 - c) -> 1 as c -> 1."""
    point = critical_point(activation, sigma_b)
    q, away = variance(point), 1e-6
    c = 1 - away
    first = math.sqrt(q) * Z[0]
    second = math.sqrt(q) * (c * Z[0] + math.sqrt(1 - c**2) * Z[1])
    # 1 - c' by the difference of the two outputs: nothing cancels
    difference = CURVES[activation][0](first) - CURVES[activation][0](second)
    mean, error = monte_carlo(point.sigma_w**2 * difference**2 / (2 * q * away))
    assert mean == pytest.approx(1, abs=error + 2e-3)


@pytest.mark.parametrize(
    ("sigma_b", "sigma_w_squared"),
    [(2.01e-5**0.5, 1.05), (0.05**0.5, 1.76)],
)
def test_published_points_of_tanh(sigma_b, sigma_w_squared):
    """Those at which Xiao et al., ICML 2018, and Schoenholz et al., ICLR 2017, train, to their digits."""
    assert critical_point(nn.Tanh, sigma_b).sigma_w ** 2 == pytest.approx(sigma_w_squared, rel=0.01)


def test_the_line_of_tanh_near_its_origin():
    """q* = (3 σ_b² / 4)^(1/3), σ_w² = 1 + 2 q*: the leading terms of the expansion of tanh."""
    sigma_b = 1e-5
    point = critical_point(nn.Tanh, sigma_b)
    q = (0.75 * sigma_b**2) ** (1 / 3)
    assert point.q == pytest.approx(q, rel=0.01)
    assert point.sigma_w**2 - 1 == pytest.approx(2 * q, rel=0.01)
    assert critical_point(nn.Tanh, 0.0) == pytest.approx((1, 0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("activation", "sigma_b"), [(nn.ReLU, 0.1), (nn.PReLU, 1.0), (nn.SiLU, 0.0), (nn.SiLU, 0.2), (nn.GELU, 0.0)]
)
def test_where_no_variance_stays_there_is_no_point(activation, sigma_b, generator):
    assert critical_point(activation, sigma_b) is None
    with pytest.raises(ValueError, match=f"init.sigma_b={sigma_b:g}: .* has no critical point there"):
        critical(nn.Linear(3, 3), generator=generator, activation=activation, sigma_b=sigma_b)


@pytest.mark.parametrize("activation", [nn.SiLU, nn.GELU])
def test_from_a_point_that_is_refused_the_variance_would_grow(activation):
    """Swish and GELU: χ₁ = 1 at q = 0 asks for σ_w = 2, at which the variance of 1 doubles from layer to layer."""
    z, q = torch.linspace(-10, 10, 20_001, dtype=torch.float64), 1.0
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    for _ in range(20):
        q = 4 * torch.trapezoid(activation()(math.sqrt(q) * z) ** 2 * density, z).item()
    assert q > 1e5


def test_the_point_is_the_same_whatever_the_default_device_and_draws_nothing():
    before = torch.get_rng_state()
    expected = critical_point(nn.PReLU, 0.0)
    with torch.device("meta"), torch.no_grad():
        assert critical_point(nn.PReLU, 0.0) == expected
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("activation", "sigma_w"), [(nn.ReLU, 2**0.5), (nn.Tanh, 1.0), (nn.ELU, 1.0)])
def test_variance_of_real_layers(real_layers, has_variance, activation, sigma_w):
    for layer, fan_in, _, classifier in real_layers(partial(critical, sigma_b=0.0), activation):
        has_variance(layer.weight, (1.0 if classifier else sigma_w**2) / fan_in)


def test_biases_have_theirs(build, generator, has_variance):
    model = build("mlp", hidden=[3000, 3000], activation=nn.Tanh)
    critical(model, generator=generator, activation=nn.Tanh, sigma_b=0.5)
    for layer in (model.layer1.linear, model.layer2.linear):
        has_variance(layer.bias, 0.25)
        has_variance(layer.weight, critical_point(nn.Tanh, 0.5).sigma_w ** 2 / layer.in_features)
    assert not torch.equal(model.layer1.linear.bias, model.layer2.linear.bias)
    assert (model.fc.bias == 0).all()


def test_gradients_of_a_deep_net_stay_at_the_point_and_nowhere_else(generator):
    """70 tanh layers at σ_b = 0.5: off the line by 20 % the gradient explodes, or is lost."""
    layers = [nn.Linear(300, 300) for _ in range(70)]
    critical(nn.Sequential(*layers, nn.Linear(300, 2)), generator=generator, activation=nn.Tanh, sigma_b=0.5)

    def growth(factor):
        x = torch.randn(20, 300, requires_grad=True)
        output = x
        for layer in layers:
            output = factor * (output @ layer.weight.T) + layer.bias
            output = output.tanh()
        output.backward(torch.randn_like(output))
        return x.grad.norm().item() / output.numel() ** 0.5

    assert growth(0.8) < 0.01 < 0.1 < growth(1.0) < 10 < 100 < growth(1.2)


def test_biases_that_are_not_there_are_named(build, generator):
    with pytest.raises(ValueError, match="init.sigma_b=0.1 needs layer1.linear.bias, which is not there; use"):
        critical(build("mlp", norm="batch"), generator=generator, activation=nn.Tanh, sigma_b=0.1)


@pytest.mark.parametrize("sigma_b", [-1, True, "a", float("nan")])
def test_a_deviation_that_is_none_is_named(generator, sigma_b):
    with pytest.raises(ValueError, match=f"init.sigma_b must be a number, 0 or more, got {sigma_b!r}"):
        critical(nn.Linear(2, 2), generator=generator, activation=nn.Tanh, sigma_b=sigma_b)
