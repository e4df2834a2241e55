from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.models.layers import Conv2d, Linear
from dropgrid.norms.weight import weight

LAYERS = [(partial(Conv2d, 3, 6, 3), (4, 3, 5, 5)), (partial(Linear, 3, 6), (4, 3))]


def parts(layer):
    """Length and direction."""
    listed = layer.parametrizations.weight
    return listed.original0, listed.original1


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_the_length_of_each_units_weights_is_g_whatever_v_is(make, shape):
    layer, norm = weight(make, 6)
    g, v = parts(layer)
    with torch.no_grad():
        g.uniform_(0.5, 2)
        v.normal_(std=3)
    assert isinstance(norm, nn.Identity) and layer.bias.shape == (6,)
    assert torch.allclose(layer.weight.flatten(1).norm(dim=1), g.flatten())
    assert torch.allclose(layer.weight, g * v / v.flatten(1).norm(dim=1).view_as(g))
    x = torch.randn(shape)
    before = layer(x)
    with torch.no_grad():
        v *= torch.arange(1.0, 7).view_as(g)
    assert torch.allclose(layer(x), before, atol=1e-5)


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_the_gradient_of_v_is_orthogonal_to_v(make, shape):
    layer, _ = weight(make, 6)
    layer = layer.double()
    g, v = parts(layer)
    w = layer.weight.detach().clone().requires_grad_()
    x = torch.randn(shape).double()
    direction = torch.randn_like(layer(x))
    (layer(x) * direction).sum().backward()
    call = nn.functional.linear if isinstance(layer, nn.Linear) else nn.functional.conv2d
    (call(x, w) * direction).sum().backward()
    length = v.detach().flatten(1).norm(dim=1).view_as(g)
    along = (w.grad * v.detach()).flatten(1).sum(1).view_as(g) / length
    assert torch.allclose(g.grad, along)  # eq. 3 of the paper
    assert torch.allclose(v.grad, g / length * w.grad - g * along / length**2 * v)
    assert (v.grad * v).flatten(1).sum(1).abs().max() < 1e-12


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_what_is_assigned_is_the_weight(make, shape):
    layer, _ = weight(make, 6)
    drawn = torch.randn_like(layer.weight)
    layer.weight = drawn
    g, v = parts(layer)
    assert torch.equal(v, drawn) and torch.allclose(g.flatten(), drawn.flatten(1).norm(dim=1))
    assert torch.allclose(layer.weight, drawn, atol=1e-6)
