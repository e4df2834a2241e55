import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from dropgrid.initializers.zeros import zeros


def test_every_weight_of_real_nets_is_0(real_layers):
    assert all((layer.weight == 0).all() for layer, *_ in real_layers(zeros))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_nothing_but_the_classifiers_bias_learns(build, generator, activation):
    model = build("mlp", hidden=[20, 20], activation=activation)
    zeros(model, generator=generator, activation=activation)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(8, 3, 16, 16)), torch.arange(8)).backward()
        optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if parameter.any()}
    assert moved == {"fc.bias"}


def test_units_of_a_layer_stay_alike_where_something_learns(build, generator):
    """φ(0) = 1/2: the classifier's weights move, all units of a layer alike."""
    model = build("mlp", hidden=[20, 20], activation=nn.Sigmoid)
    zeros(model, generator=generator, activation=nn.Sigmoid)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(8, 3, 16, 16)), torch.arange(8)).backward()
        optimizer.step()
    for name in ("layer1", "layer2"):
        weight = model.get_submodule(name).linear.weight
        assert weight.any() and torch.allclose(weight, weight[:1].expand_as(weight), atol=1e-7)


def test_a_weight_normalised_layer_is_named(generator):
    model = nn.Sequential(nn.Linear(3, 3), weight_norm(nn.Linear(3, 2)))
    with pytest.raises(ValueError, match="1.weight starts at 0 here, which weight normalization has no direction for"):
        zeros(model, generator=generator, activation=nn.ReLU)
