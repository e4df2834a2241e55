"""What every norm must keep, whichever file it is in: run over each YAML of the axis."""

import copy
import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn.utils import parametrize

from dropgrid.instantiate import instantiate
from dropgrid.models.layers import Conv2d, Linear

FOLDER = Path(__file__).parents[2] / "conf" / "norm"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LAYERS = {"conv": (partial(Conv2d, 3, 16, 3, padding=1), (4, 3, 6, 5)), "linear": (partial(Linear, 3, 16), (4, 3))}
CONV, LINEAR = LAYERS["conv"][0], LAYERS["linear"][0]
NOT_AFTER_LINEAR = {"instance", "filter_response"}
TRACKING = {"batch", "switchable"}
"""Those that keep statistics of training; the others treat each example alone, in training as in inference."""


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("norm", {**node, **changes}), node


def variants():
    """Each option, and the same without gain and shift where it has them."""
    return [(name, {}) for name in OPTIONS] + [(n, {"affine": False}) for n in OPTIONS if "affine" in option(n)[1]]


def after():
    """(option, kind of layer) for all that go together."""
    return [(name, kind) for name in OPTIONS for kind in LAYERS if kind == "conv" or name not in NOT_AFTER_LINEAR]


def made(name, kind, **changes):
    """A layer and its norm as one module, and inputs."""
    make, shape = LAYERS[kind]
    torch.manual_seed(0)
    return nn.Sequential(*option(name, **changes)[0](make, 16)), torch.randn(shape)


def test_there_are_options():
    wanted = {"batch", "layer", "group", "instance", "weight", "spectral", "switchable", "none"}
    wanted |= {"rms", "dyt", "filter_response", "weight_standardization"}
    assert wanted <= set(OPTIONS) and TRACKING <= set(OPTIONS) and NOT_AFTER_LINEAR <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    norm, node = option(name)
    signature = inspect.signature(norm.func)
    assert {k for k in node if not k.startswith("_")} == set(signature.parameters) - {"layer", "features"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize(("name", "changes"), variants())
def test_the_layer_has_a_bias_exactly_when_no_affine_norm_follows(name, changes):
    for kind in [kind for other, kind in after() if other == name]:
        layer, norm = option(name, **changes)[0](LAYERS[kind][0], 16)
        shifts = getattr(norm, "bias", None) is not None
        assert (layer.bias is None) == shifts
        assert not (shifts and changes)


@pytest.mark.parametrize(("name", "changes"), variants())
def test_shape_is_kept_and_gradient_flows(name, changes):
    for kind in [kind for other, kind in after() if other == name]:
        net, input = made(name, kind, **changes)
        features = net(input)
        assert features.shape == (4, 16, *input.shape[2:]) and features.dtype == torch.float32
        (features * torch.randn_like(features)).sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in net.parameters())
        assert net.eval()(input).shape == features.shape
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.allclose(net(input).float(), net(input.bfloat16()).float(), atol=0.1)


@pytest.mark.parametrize("name", sorted(NOT_AFTER_LINEAR))
def test_what_cannot_follow_a_linear_layer_says_so_in_a_line(name):
    with pytest.raises(ValueError, match=rf"norm={name} .* linear layer .*; choose another norm") as caught:
        option(name)[0](LINEAR, 16)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_builds_on_the_meta_device_anew_each_time(name):
    build = option(name)[0]
    with torch.device("meta"):
        (first, norm), (second, other) = build(CONV, 16), build(CONV, 16)
        norm(first(torch.zeros(2, 3, 6, 5)))
    assert first is not second and norm is not other
    assert all(t.is_meta for module in (first, norm) for t in (*module.parameters(), *module.buffers()))


@pytest.mark.parametrize(("name", "kind"), after())
def test_running_statistics_only_where_there_are_some(name, kind):
    net, input = made(name, kind)
    assert any("running" in key for key in net.state_dict()) == (name in TRACKING)
    for _ in range(200):  # spectral norm's estimate settles
        whole = net(input)
    assert (name in TRACKING) != torch.allclose(net(input[:2]), whole[:2], atol=1e-5)
    if name not in TRACKING:
        assert torch.allclose(net.eval()(input), whole, atol=1e-5)
    alone = net.eval()(input[:1])
    assert torch.allclose(net(input)[:1], alone, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), after())
def test_copies_and_states_are_whole(name, kind):
    net, input = made(name, kind)
    net(input)
    other = made(name, kind)[0]
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    other.load_state_dict(net.state_dict())
    copied = copy.deepcopy(net)
    trained, ended = net(input), net.eval()(input)
    for each in (other, copied):
        assert torch.equal(each(input), trained) and torch.equal(each.eval()(input), ended)


@pytest.mark.parametrize(("name", "kind"), after())
def test_a_regularizer_at_the_weight_gets_the_weight_that_the_layer_computes_with(name, kind):
    net, input = made(name, kind)
    layer = net[0]
    seen = []

    class Through(nn.Module):
        def forward(self, input, weight, bias, layer):
            seen.append(weight)
            return layer(input, 2 * weight, bias)

    net.eval()
    plain = layer(input)
    layer.through = Through()
    doubled = layer(input)
    assert torch.equal(seen[0], layer.weight)
    shift = 0 if layer.bias is None else layer.bias.view(-1, *[1] * (input.dim() - 2))
    assert torch.allclose(doubled - shift, 2 * (plain - shift), atol=1e-5)
    doubled.sum().backward()
    beneath = layer.parametrizations.weight.parameters() if parametrize.is_parametrized(layer) else [layer.weight]
    assert all(parameter.grad is not None for parameter in beneath)


@pytest.mark.parametrize(("name", "kind"), after())
def test_it_draws_no_global_random_numbers_beside_the_layers_own(name, kind):
    torch.manual_seed(0)
    layer, _ = option(name)[0](LAYERS[kind][0], 16)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    LAYERS[kind][0](bias=layer.bias is not None)
    assert torch.equal(torch.get_rng_state(), state)
