import pytest
import torch
from torch import nn
from torch.nn import functional

from dropgrid.norms.none import none

SMALL = {"highway": {"widths": [5], "depths": [3]}, "highway_conv": {"widths": [4, 6], "depths": [2, 1]}}


def affine(x, layer):
    if isinstance(layer, nn.Linear):
        return x @ layer.weight.T + (0 if layer.bias is None else layer.bias)
    return functional.conv2d(x, layer.weight, layer.bias, padding=1)


@pytest.mark.parametrize("name", SMALL)
def test_a_layer_is_the_paper_s_equation(build, name):
    """y = H(x) T(x) + x (1 - T(x)), eq. 3."""
    net = build(name, **SMALL[name], norm=none, activation=nn.Tanh, transform_bias=-1.5)
    layer = net.layer1[1]
    x = torch.randn(4, 5) if name == "highway" else torch.randn(4, 4, 6, 6)
    with torch.no_grad():
        h = torch.tanh(affine(x, layer.plain.layer))
        t = 1 / (1 + torch.exp(1.5 - affine(x, layer.gate.layer)))
        assert torch.allclose(layer(x), h * t + x * (1 - t), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_the_whole_net(build, name):
    """A plain layer and highway layers in each group, pooled between where they are convolutions."""
    net = build(name, **SMALL[name], shape=(3, 8, 8), norm=none).eval()
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        x = images.flatten(1) if name == "highway" else images
        for group in range(1, net.groups + 1):
            if group > 1:
                x = functional.max_pool2d(x, 2)
            first, *others = net.get_submodule(f"layer{group}")
            x = affine(x, first.layer).relu()
            assert len(others) == SMALL[name]["depths"][group - 1]
            for layer in others:
                x = layer(x)
        x = x if name == "highway" else x.mean((2, 3))
        assert torch.allclose(net(images), x @ net.fc.weight.T + net.fc.bias, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_a_closed_gate_carries_and_an_open_one_transforms(build, name):
    x = torch.randn(4, 5) if name == "highway" else torch.randn(4, 4, 6, 6)
    closed = build(name, **SMALL[name], transform_bias=-100).layer1[1].eval()
    assert torch.allclose(closed(x), x)
    opened = build(name, **SMALL[name], transform_bias=100).layer1[1].eval()
    assert torch.allclose(opened(x), opened.plain(x))


@pytest.mark.parametrize("name", SMALL)
def test_initializers_keep_the_gates_bias(build, option, name):
    net = build(name, **SMALL[name], norm=none, transform_bias=-3)
    option("init", "kaiming")(net, generator=lambda _: torch.Generator().manual_seed(0), activation=nn.ReLU)
    gates = [layer.gate for layer in net.layer1[1:]]
    assert gates and all(torch.equal(gate.bias, torch.full_like(gate.bias, -3)) for gate in gates)
    assert not any(layer.plain.layer.bias.any() for layer in net.layer1[1:])


def test_the_plain_twin_is_the_net_without_its_gates(build, asked):
    with torch.device("meta"):
        gated, plain = build("highway_conv"), build("highway_conv", gated=False)
    shapes = {k.replace(".plain", ""): v.shape for k, v in gated.state_dict().items() if ".gate." not in k}
    assert {k: v.shape for k, v in plain.state_dict().items()} == shapes
    assert {site.place for site in asked("highway_conv", gated=False)} == {"input", "conv", "head", "weight"}
    assert {site.place for site in asked("highway")} == {"input", "hidden", "skip", "branch", "head", "weight"}


def test_parameters_by_formula(millions):
    """§3.1's net on MNIST: a plain layer of 50 units, 49 layers of H and T, softmax."""
    wanted = (784 + 1) * 50 + 49 * 2 * (50 + 1) * 50 + (50 + 1) * 10
    assert millions("highway", shape=(1, 28, 28), norm=none) == pytest.approx(wanted / 1e6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": "lstm"}, r"model\.layer must be linear or conv, got 'lstm'"),
        ({"depths": [1, 2]}, r"model\.depths needs one depth for each of 1 groups, got \[1, 2\]"),
        ({"transform_bias": "low"}, r"model\.transform_bias must be a number, got 'low'"),
        ({"gated": 0}, r"model\.gated must be true or false, got 0"),
    ],
)
def test_bad_values_are_named(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("highway", **changes)


def test_too_many_groups_for_the_image(build):
    with pytest.raises(ValueError, match="too many for 2×9"):
        build("highway_conv", shape=(3, 2, 9))
