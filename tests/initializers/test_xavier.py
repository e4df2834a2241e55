from functools import partial

import pytest
import torch
from torch import nn

from dropgrid import streams
from dropgrid.initializers.xavier import xavier

GENERATOR = partial(streams.generator, 3, "init")


def model(*more):
    return nn.Sequential(
        nn.Conv2d(16, 48, 3), nn.Conv2d(32, 64, 3, groups=4), nn.BatchNorm2d(8), nn.Linear(400, 90), *more
    )


def initialised(network, distribution="uniform", generator=GENERATOR):
    xavier(network, generator=generator, activation=nn.Tanh, distribution=distribution)
    return network


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_variance_of_every_layer(distribution):
    network = initialised(model(), distribution)
    for layer, fans in ((network[0], (16 + 48) * 9), (network[1], (8 + 16) * 9), (network[3], 400 + 90)):
        tolerance = 5 * (2 / layer.weight.numel()) ** 0.5
        assert layer.weight.var().item() == pytest.approx(2 / fans, rel=tolerance)
        assert (layer.bias == 0).all()


def test_uniform_is_the_papers_interval():
    """Eq. 16."""
    weight = initialised(model())[3].weight
    bound = (6 / (400 + 90)) ** 0.5
    assert weight.abs().max().item() <= bound
    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)


def test_weights_are_keyed_by_name():
    plain, longer = initialised(model()), initialised(model(nn.Linear(90, 10)))
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, longer.get_parameter(name))
    assert not torch.equal(
        plain[0].weight, initialised(model(), generator=partial(streams.generator, 4, "init"))[0].weight
    )


def test_two_layers_of_one_shape_differ():
    network = initialised(nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)))
    assert not torch.equal(network[0].weight, network[1].weight)


def test_an_unknown_distribution_is_named():
    with pytest.raises(ValueError, match=r"init\.distribution must be normal or uniform, got 'x'"):
        initialised(model(), "x")
