import torch
from torch import nn

from dropgrid.models.layers import Conv2d
from dropgrid.regularizers.weight_noise import WeightNoise, weight_noise
from dropgrid.sites import Site

GIVEN = {"std": 0.1, "schedule": "constant", "inference": False}


def test_the_layer_has_its_weights_and_noise_and_the_gradient_is_taken_there():
    """d/dw f(w + ε) at the noisy weights, for a loss that is not linear in them."""
    conv = Conv2d(2, 3, 3)
    conv.through = WeightNoise(0.1)
    conv.through.advance_hashed(0.1, 5)
    x = torch.randn(4, 2, 6, 6)
    conv(x).square().sum().backward()
    weight = conv.through.add(conv.weight.detach(), torch.tensor(5)).requires_grad_()
    nn.functional.conv2d(x, weight, conv.bias.detach()).square().sum().backward()
    assert torch.allclose(conv.weight.grad, weight.grad, rtol=1e-4)
    assert abs((weight - conv.weight).detach().std() - 0.1) < 0.03


def test_null_groups_are_every_layer():
    outside, inside = Site("fc.weight", "weight", linear=True), Site("layer1.weight", "weight", 1, 2, 1, 2)
    assert isinstance(weight_noise(outside, groups=None, **GIVEN), WeightNoise)
    assert isinstance(weight_noise(outside, groups=[1], **GIVEN), nn.Identity)
    assert isinstance(weight_noise(inside, groups=[1], **GIVEN), WeightNoise)
    assert isinstance(weight_noise(inside._replace(place="conv"), groups=None, **GIVEN), nn.Identity)
