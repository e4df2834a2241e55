"""Networks of the config's models without norms, and what the variances of their weights are held against."""

from functools import partial

import pytest
from option_nodes import option_node
from torch import nn

from dropgrid import streams
from dropgrid.instantiate import instantiate


def option(axis, name, **changes):
    """An option of the config's, by name."""
    return instantiate(axis, option_node(axis, name) | changes)


@pytest.fixture
def generator():
    """The initial numbers of seed 3."""
    return partial(streams.generator, 3, "init")


@pytest.fixture
def build():
    """A model of the config by name, without norm and with ReLU unless changed; the norm by name too."""

    def build(name, *, norm="none", activation=nn.ReLU, shape=(3, 16, 16), classes=10, **changes):
        model = option("model", name, **changes)
        return model(shape=shape, classes=classes, norm=option("norm", norm), activation=activation)

    return build


@pytest.fixture
def real_layers(build, generator):
    """Layers with weights of a ResNet-20 and an MLP after an initialization: (layer, fan_in, fan_out, classifier)."""

    def real_layers(init, activation=nn.ReLU):
        for model in (build("resnet20"), build("mlp", hidden=[400, 150])):
            init(model, generator=generator, activation=activation)
            for module in model.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    assert (module.bias == 0).all()
                    yield module, *nn.init._calculate_fan_in_and_fan_out(module.weight), module is model.fc

    return real_layers


@pytest.fixture
def has_variance():
    """Asserts a weight's mean 0 and variance, to five standard errors of a sample of that kurtosis."""

    def has_variance(weight, expected, kurtosis=3.0):
        values = weight.detach().double()
        count = values.numel()
        assert abs(values.mean()) < 5 * (expected / count) ** 0.5
        error = ((kurtosis - 1) / count) ** 0.5
        assert values.square().mean().item() == pytest.approx(expected, rel=5 * error)

    return has_variance
