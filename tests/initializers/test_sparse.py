from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.initializers.sparse import sparse


@pytest.mark.parametrize("std", [1.0, 0.3])
@pytest.mark.parametrize("nonzero", [1, 15])
def test_real_units_have_so_many_weights_of_that_variance(real_layers, has_variance, nonzero, std):
    for layer, fan_in, *_ in real_layers(partial(sparse, nonzero=nonzero, std=std)):
        assert ((layer.weight != 0).flatten(1).sum(1) == nonzero).all()
        has_variance(layer.weight[layer.weight != 0], std**2)
        has_variance(layer.weight, std**2 * nonzero / fan_in, kurtosis=3 * fan_in / nonzero)


def test_units_with_fewer_inputs_have_them_all(generator):
    model = nn.Sequential(nn.Conv2d(8, 16, 3, groups=8), nn.Linear(16, 2))
    sparse(model, generator=generator, activation=nn.ReLU, nonzero=15, std=1.0)
    assert ((model[0].weight != 0).sum((1, 2, 3)) == 9).all()


def test_every_input_is_as_likely(generator):
    """Of 20,000 units with 3 of 12 inputs, each input is chosen by a quarter; a pair by 3·2 / (12·11)."""
    layer = nn.Linear(12, 20_000)
    sparse(layer, generator=generator, activation=nn.ReLU, nonzero=3, std=1.0)
    chosen = (layer.weight != 0).double()
    together = chosen.T @ chosen / len(chosen)
    for share, expected in ((together.diagonal(), 1 / 4), (together[~torch.eye(12, dtype=torch.bool)], 6 / 132)):
        assert (share - expected).abs().max() < 5 * (expected * (1 - expected) / 20_000) ** 0.5


@pytest.mark.parametrize("width", [30, 3000])
def test_a_units_input_has_the_same_variance_whatever_the_width(generator, width):
    model = nn.Sequential(nn.Linear(width, 5000), nn.Linear(5000, 2))
    sparse(model, generator=generator, activation=nn.Tanh, nonzero=15, std=1.0)
    with torch.no_grad():
        assert model[0](torch.randn(100, width)).var().item() == pytest.approx(15, rel=0.05)


@pytest.mark.parametrize("nonzero", [0, 1.5, True, "a"])
def test_a_count_that_is_none_is_named(generator, nonzero):
    with pytest.raises(ValueError, match=f"init.nonzero must be a whole number, 1 or more, got {nonzero!r}"):
        sparse(nn.Linear(2, 2), generator=generator, activation=nn.ReLU, nonzero=nonzero, std=1.0)
