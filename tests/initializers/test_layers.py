import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from dropgrid import streams
from dropgrid.initializers.layers import draw_like, weights, zero_biases


def fans(layer):
    (weight,) = weights(layer)
    return weight.fan_in, weight.fan_out


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(8, 12, 3), nn.Conv2d(8, 12, (1, 5)), nn.Conv1d(8, 12, 3), nn.Conv3d(4, 6, 2), nn.Linear(7, 5)]
)
def test_fans_are_torchs(layer):
    assert fans(layer) == nn.init._calculate_fan_in_and_fan_out(layer.weight)


def test_fans_of_a_grouped_convolution_count_what_is_connected():
    layer = nn.Conv2d(8, 12, 3, groups=4, bias=False, padding=1)
    nn.init.ones_(layer.weight)
    # with all weights 1, an inner output is its number of inputs, and an inner gradient its number of outputs
    x = torch.ones(1, 8, 7, 7, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert fans(layer) == (out[0, 0, 3, 3].item(), x.grad[0, 0, 3, 3].item())


def test_names_order_and_classifier():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2)
    )
    found = list(weights(model))
    assert [weight.name for weight in found] == ["0.weight", "3.weight", "5.weight"]
    assert [weight.classifier for weight in found] == [False, False, True]
    assert all(weight.tensor.data_ptr() == model.get_parameter(weight.name).data_ptr() for weight in found)


def test_a_lone_layer_has_the_name_of_its_parameter():
    (weight,) = weights(nn.Linear(3, 2))
    assert weight.name == "weight" and weight.classifier


def test_a_parametrized_weight_keeps_its_name_and_is_set_beneath():
    layer = nn.Sequential(nn.Linear(3, 2))
    original = layer[0].weight
    parametrize.register_parametrization(layer[0], "weight", nn.Tanh())
    (weight,) = weights(layer)
    assert weight.name == "0.weight" and weight.tensor.data_ptr() == original.data_ptr()
    weight.set(torch.full((2, 3), 2.0))
    assert (original == 2).all() and torch.equal(layer[0].weight, torch.full((2, 3), 2.0).tanh())
    weight.zero()
    assert not original.any()


@pytest.mark.parametrize("layer", [nn.Linear(3, 2), nn.Conv2d(3, 2, 3)])
def test_a_weight_kept_as_length_and_direction_is_what_was_set(layer):
    (weight,) = weights(weight_norm(layer))
    assert (weight.fan_in, weight.fan_out) == nn.init._calculate_fan_in_and_fan_out(layer.weight)
    values = torch.randn(weight.tensor.shape)
    weight.set(values)
    assert torch.allclose(layer.weight, values, atol=1e-6)
    assert torch.allclose(layer.parametrizations.weight.original0.flatten(), values.flatten(1).norm(dim=1))
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in layer.parameters())
    with pytest.raises(ValueError, match="weight starts at 0 here, which weight normalization has no direction for"):
        weight.zero()


def test_biases_become_0_and_norms_stay():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, bias=False), nn.Linear(4, 2))
    nn.init.normal_(model[1].bias)
    kept = model[1].bias.clone()
    zero_biases(model)
    assert (model[0].bias == 0).all() and (model[3].bias == 0).all() and torch.equal(model[1].bias, kept)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_draws_have_the_asked_standard_deviation(distribution):
    tensor = draw_like(torch.empty(200_000), 0.3, distribution, streams.generator(0, "init", "x"))
    assert abs(tensor.mean()) < 5 * 0.3 / 200_000**0.5
    assert tensor.std() == pytest.approx(0.3, rel=0.01)
    kurtosis = ((tensor / tensor.std()) ** 4).mean()
    assert kurtosis == pytest.approx({"normal": 3.0, "uniform": 1.8}[distribution], rel=0.05)


def test_an_unknown_distribution_is_named():
    with pytest.raises(ValueError, match=r"init\.distribution must be normal or uniform, got 'cauchy'"):
        draw_like(torch.empty(2), 1.0, "cauchy", torch.Generator())
