import math
from functools import partial

import pytest
import torch
from scipy.integrate import quad
from torch import nn

from dropgrid import streams
from dropgrid.initializers.orthogonal import orthogonal, orthogonal_matrices

ORTHOGONAL = partial(orthogonal, gain="activation")


@pytest.mark.parametrize(("activation", "function"), [(nn.ReLU, lambda z: max(z, 0)), (nn.Tanh, math.tanh)])
def test_rows_of_real_layers_are_orthogonal(real_layers, activation, function):
    """W Wᵀ = g² I, g² E[φ(z)²] = 1."""
    square = 1 / quad(lambda z: function(z) ** 2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), -12, 12)[0]
    for layer, fan_in, _, classifier in real_layers(ORTHOGONAL, activation):
        matrix = layer.weight.detach().flatten(1).double()
        assert len(matrix) <= fan_in
        product = matrix @ matrix.T
        expected = (1.0 if classifier else square) * torch.eye(len(product), dtype=torch.float64)
        assert torch.allclose(product, expected, atol=2e-5)


def test_columns_are_orthogonal_where_units_are_more_than_inputs(generator):
    model = nn.Sequential(nn.Linear(40, 300), nn.Conv2d(3, 64, 3), nn.Linear(64, 10))
    ORTHOGONAL(model, generator=generator, activation=nn.Identity)
    for layer in model[:2]:
        matrix = layer.weight.detach().flatten(1)
        assert torch.allclose(matrix.T @ matrix, torch.eye(matrix.shape[1]), atol=1e-5)


def test_each_group_of_a_grouped_convolution_is_orthogonal(generator):
    model = nn.Sequential(nn.Conv2d(12, 24, 3, groups=4), nn.Conv2d(6, 6, 3, groups=6), nn.Linear(6, 2))
    ORTHOGONAL(model, generator=generator, activation=nn.Identity)
    for layer, groups in ((model[0], 4), (model[1], 6)):
        parts = layer.weight.detach().flatten(1).unflatten(0, (groups, -1))
        assert torch.allclose(parts @ parts.mT, torch.eye(parts.shape[1]).expand(groups, -1, -1), atol=1e-5)
        assert len({tuple(part.flatten().tolist()) for part in parts}) == groups


def test_a_deep_linear_net_is_an_isometry(generator):
    """Dynamical isometry: all singular values of the product of 50 layers are 1, which no Gaussian's are."""
    layers = [nn.Linear(40, 40, bias=False) for _ in range(50)]
    ORTHOGONAL(nn.Sequential(*layers, nn.Linear(40, 2)), generator=generator, activation=nn.Identity)
    product = torch.eye(40)
    for layer in layers:
        product = layer.weight.detach() @ product
    assert torch.linalg.svdvals(product).sub(1).abs().max() < 1e-4


def test_matrices_are_uniform_among_the_orthogonal():
    """Haar: the trace of an orthogonal matrix has mean 0 and mean square 1; a plain QR's has not."""
    count = 20_000
    made = orthogonal_matrices(torch.empty(0), count, 4, 4, streams.generator(0, "init", "x"))
    trace = made.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(trace.mean()) < 5 / count**0.5
    assert trace.square().mean().item() == pytest.approx(1, abs=5 * (2 / count) ** 0.5)


def test_the_variance_is_gain_squared_over_the_longer_side(real_layers):
    for layer, fan_in, _, classifier in real_layers(ORTHOGONAL):
        expected = (1.0 if classifier else 2.0) / max(fan_in, len(layer.weight))
        assert layer.weight.square().mean().item() == pytest.approx(expected, rel=1e-4)


def test_weights_are_keyed_by_name(generator):
    short = nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20))
    long = nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(20, 5))
    for model in (short, long):
        orthogonal(model, generator=generator, activation=nn.ReLU, gain=1)
    assert torch.equal(short[0].weight, long[0].weight) and torch.equal(short[1].weight, long[1].weight)
    assert not torch.equal(short[0].weight, short[1].weight)
