from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.initializers.lecun import lecun


@pytest.mark.parametrize(("distribution", "kurtosis"), [("normal", 3.0), ("uniform", 1.8)])
def test_variance_of_real_layers(real_layers, has_variance, distribution, kurtosis):
    for layer, fan_in, *_ in real_layers(partial(lecun, distribution=distribution)):
        has_variance(layer.weight, 1 / fan_in, kurtosis)


def test_a_linear_layer_keeps_the_variance_and_relu_halves_it(generator):
    model = nn.Sequential(nn.Linear(1000, 3000), nn.Linear(3000, 2))
    lecun(model, generator=generator, activation=nn.ReLU, distribution="normal")
    x = torch.randn(100, 1000)
    with torch.no_grad():
        assert model[0](x).var().item() == pytest.approx(1, rel=0.05)
        assert model[0](x.relu()).square().mean().item() == pytest.approx(0.5, rel=0.05)


def test_an_unknown_distribution_is_named(generator):
    with pytest.raises(ValueError, match=r"init\.distribution must be normal or uniform, got 'x'"):
        lecun(nn.Linear(2, 2), generator=generator, activation=nn.ReLU, distribution="x")
