from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.initializers.normal import normal


@pytest.mark.parametrize("std", [0.01, 0.3])
def test_variance_of_real_layers(real_layers, has_variance, std):
    layers = list(real_layers(partial(normal, std=std)))
    assert len(layers) > 20
    for layer, *_ in layers:
        has_variance(layer.weight, std**2)


def test_it_is_gaussian(generator):
    layer = nn.Linear(400, 400)
    normal(layer, generator=generator, activation=nn.ReLU, std=0.5)
    share = (layer.weight.abs() < 0.5).double().mean().item()
    assert share == pytest.approx(0.6827, abs=5 * (0.68 * 0.32 / 160_000) ** 0.5)


def test_wide_layers_amplify_and_narrow_ones_damp(generator):
    """A layer multiplies the variance by std² fan_in E[φ²] = std² fan_in / 2 with ReLU."""
    for width, factor in ((50, 0.25), (800, 4.0)):
        model = nn.Sequential(nn.Linear(width, 4000), nn.Linear(4000, 2))
        normal(model, generator=generator, activation=nn.ReLU, std=0.1)
        with torch.no_grad():
            output = model[0](torch.randn(200, width).relu())
        assert output.square().mean().item() == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("std", [0, -1, True, "a", float("inf")])
def test_an_std_that_is_no_number_above_0_is_named(generator, std):
    with pytest.raises(ValueError, match=f"init.std must be a number above 0, got {std!r}"):
        normal(nn.Linear(2, 2), generator=generator, activation=nn.ReLU, std=std)
