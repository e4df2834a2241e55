"""Networks of the config's models, and stand-ins for regularizers."""

import pytest
import torch
from option_nodes import option_node
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.sites import AbstractDrop


class Halve(AbstractDrop):
    """Stands in for a regularizer: visible in training, identity in eval, and says how often it was asked."""

    def drop(self, input, key):
        return input / 2, torch.tensor(input.numel() // 2), input.numel()

    def expected(self, shape, drop_prob):
        return drop_prob

    def variance(self, shape, drop_prob):
        return drop_prob


class Double(nn.Module):
    """Twice its input, in eval too."""

    def forward(self, input):
        return 2 * input


@pytest.fixture(scope="session")
def option():
    """An option of the config, by its axis and name."""

    def option(axis, name, **changes):
        return instantiate(axis, option_node(axis, name) | changes)

    return option


@pytest.fixture
def build(option):
    """A model of the config by name, with batch norm and ReLU unless changed."""
    batch_norm = option("norm", "batch")

    def build(name, *, sites=(), norm=batch_norm, activation=nn.ReLU, shape=(3, 32, 32), classes=10, **changes):
        model = option("model", name, **changes)
        return model(shape=shape, classes=classes, norm=norm, activation=activation, sites=sites)

    return build


@pytest.fixture
def asked(build):
    """Every site that a network offers."""

    def asked(name, **changes):
        found = []

        def option(site):
            found.append(site)
            return nn.Identity()

        with torch.device("meta"):
            build(name, sites=[option], **changes)
        return found

    return asked


@pytest.fixture
def everywhere():
    """An option that halves, in training, at the places named."""
    return lambda *places: lambda site: Halve(0.5) if site.place in places else nn.Identity()


@pytest.fixture
def mark():
    """An option that doubles the features of one site, by its name."""
    return lambda name: lambda site: Double() if site.name == name else nn.Identity()


@pytest.fixture
def millions(build):
    """How many million parameters a model has."""

    def millions(name, **changes):
        with torch.device("meta"):
            return sum(p.numel() for p in build(name, **changes).parameters()) / 1e6

    return millions


@pytest.fixture
def shuffled_statistics():
    """Makes a model's norms differ from the identity, so that a norm in the wrong place is seen."""

    def shuffled_statistics(model):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1)
                nn.init.normal_(module.bias, std=0.1)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        return model

    return shuffled_statistics
