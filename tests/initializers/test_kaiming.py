import math
from functools import partial

import pytest
import torch
from option_nodes import option_node
from scipy.integrate import quad
from torch import nn
from torch.nn.utils import parametrize

from dropgrid import streams
from dropgrid.initializers.kaiming import gain, kaiming
from dropgrid.instantiate import instantiate

GENERATOR = partial(streams.generator, 3, "init")
RELU = {"generator": GENERATOR, "activation": nn.ReLU}


def option(axis, name, **changes):
    return instantiate(axis, option_node(axis, name) | changes)


def net(depths=(1, 1, 1), norm="batch", activation=nn.ReLU, classes=10, **changes):
    model = option("model", "resnet20", **{"depths": depths, "shortcut": "projection"} | changes)
    return model(shape=(3, 32, 32), classes=classes, norm=option("norm", norm), activation=activation)


def test_gain_of_relu_is_the_square_root_of_2():
    assert gain(nn.ReLU) == pytest.approx(math.sqrt(2), abs=1e-6)


@pytest.mark.parametrize("slope", [0.01, 0.25, 0.5])
def test_gain_of_a_leaky_relu_is_the_papers(slope):
    """Eq. 15."""
    assert gain(partial(nn.LeakyReLU, slope)) == pytest.approx(math.sqrt(2 / (1 + slope**2)), abs=1e-6)


def test_gain_of_prelu_is_a_leaky_relus_and_draws_nothing():
    before = torch.get_rng_state()
    assert gain(nn.PReLU) == pytest.approx(math.sqrt(2 / (1 + 0.25**2)), abs=1e-6)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (nn.Identity, lambda z: z),
        (nn.Tanh, math.tanh),
        (nn.Sigmoid, lambda z: 1 / (1 + math.exp(-z))),
        (nn.SiLU, lambda z: z / (1 + math.exp(-z))),
        (nn.GELU, lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2),
        (nn.ELU, lambda z: z if z > 0 else math.exp(z) - 1),
    ],
)
def test_gain_is_the_integral_s(activation, function):
    def integrand(z):
        return function(z) ** 2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    second_moment = quad(integrand, -12, 0)[0] + quad(integrand, 0, 12)[0]
    assert gain(activation) == pytest.approx(second_moment**-0.5, rel=1e-6)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_variance_of_every_layer(mode, distribution):
    model = net(depths=(2, 2, 2), block="bottleneck", base_width=32)
    kaiming(model, **RELU, mode=mode, distribution=distribution)
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) > 15
    for layer in layers:
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        expected = 2 / {"fan_in": fan_in, "fan_out": fan_out}[mode]
        # five standard errors of a normal sample's variance; a uniform one's is smaller
        tolerance = 5 * (2 / layer.weight.numel()) ** 0.5
        assert layer.weight.var().item() == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_the_classifier_has_gain_1_and_fan_in(mode):
    model = net(classes=1000)
    kaiming(model, **RELU, mode=mode, distribution="normal")
    assert model.fc.weight.var().item() == pytest.approx(1 / 64, rel=0.05)
    assert (model.fc.bias == 0).all()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.SiLU])
def test_fan_in_keeps_the_variance_from_layer_to_layer(activation):
    layers = [nn.Linear(2000, 2000) for _ in range(5)]
    model = nn.Sequential(*layers, nn.Linear(2000, 10))
    kaiming(model, generator=GENERATOR, activation=activation, mode="fan_in", distribution="normal")
    z = torch.randn(50, 2000)
    with torch.no_grad():
        for layer in layers:
            z = layer(activation()(z))
            assert z.var().item() == pytest.approx(1, rel=0.15)


def initialised(model, **changes):
    kaiming(model, **RELU | {"mode": "fan_out", "distribution": "normal"} | changes)
    return model


def test_the_same_name_and_seed_give_the_same_weights_whatever_came_before():
    a = initialised(net())
    torch.manual_seed(99)
    b = initialised(net())
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    other = initialised(net(), generator=partial(streams.generator, 4, "init"))
    assert not torch.equal(a.conv1.weight, other.conv1.weight)


def test_a_further_layer_changes_no_other_layers_weights():
    small = dict(initialised(net(depths=(1, 1, 1))).named_parameters())
    large = dict(initialised(net(depths=(1, 2, 1))).named_parameters())
    assert set(small) < set(large)
    for name, parameter in small.items():
        assert torch.equal(parameter, large[name]), name


def test_two_layers_of_one_shape_differ():
    model = initialised(net())
    assert not torch.equal(model.layer1[0].conv1.weight, model.layer1[0].conv2.weight)


def test_a_parametrization_changes_no_weights():
    plain, parametrized = net(), net()
    parametrize.register_parametrization(parametrized.fc, "weight", nn.Tanh())
    initialised(plain), initialised(parametrized)
    assert torch.equal(parametrized.fc.parametrizations.weight.original, plain.fc.weight)
    assert torch.equal(parametrized.fc.weight, plain.fc.weight.tanh())


def test_norms_and_zeroed_gains_stay_and_biases_become_0():
    model = initialised(net(zero_init_residual=True))
    assert (model.layer1[0].bn2.weight == 0).all() and (model.layer1[0].bn1.weight == 1).all()
    biased = initialised(net(norm="none"))
    assert (biased.layer1[0].conv1.bias == 0).all()


def test_nothing_is_drawn_from_the_shared_state():
    model, before = net(), torch.get_rng_state()
    initialised(model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.PReLU])
def test_it_runs_on_the_meta_device(activation):
    with torch.device("meta"):
        initialised(net(activation=activation), activation=activation)


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match=r"init\.mode must be fan_in or fan_out, got 'fan_avg'"):
        initialised(net(), mode="fan_avg")
