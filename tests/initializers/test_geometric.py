import itertools
from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.initializers.geometric import geometric


@pytest.mark.parametrize(("distribution", "kurtosis"), [("normal", 3.0), ("uniform", 1.8)])
@pytest.mark.parametrize(("gain", "c"), [("activation", 2.0), (1, 1.0), (0.5, 0.25)])
def test_variance_of_real_layers(real_layers, has_variance, gain, c, distribution, kurtosis):
    """c / √(fan_in fan_out): the reciprocal, or the wide layers would have the larger weights."""
    for layer, fan_in, fan_out, classifier in real_layers(partial(geometric, gain=gain, distribution=distribution)):
        has_variance(layer.weight, (1.0 if classifier else c) / (fan_in * fan_out) ** 0.5, kurtosis)


def test_over_a_net_the_signal_changes_by_its_first_and_last_width_alone(generator):
    """Linear layers of widths 800, 3000, 1000, 200: forward √(800 / 200) = 2, backward its inverse."""
    widths = [800, 3000, 1000, 200]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    geometric(
        nn.Sequential(*layers, nn.Linear(200, 10)),
        generator=generator,
        activation=nn.Identity,
        gain="activation",
        distribution="normal",
    )
    net = nn.Sequential(*layers)
    x = torch.randn(300, 800, requires_grad=True)
    output = net(x)
    assert output.var().item() == pytest.approx(2, rel=0.1)
    output.backward(torch.randn_like(output))
    assert x.grad.var().item() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("gain", ["relu", 0, -1, True])
def test_an_unknown_gain_is_named(generator, gain):
    with pytest.raises(ValueError, match=f"init.gain must be .*a number above 0, got {gain!r}"):
        geometric(nn.Linear(2, 2), generator=generator, activation=nn.ReLU, gain=gain, distribution="normal")
