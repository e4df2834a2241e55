import pytest
import torch
from torch import nn
from torch.nn import functional

from dropgrid.norms.none import none

SMALL = {"depth": 4, "channels": 5, "norm": none, "activation": nn.Tanh}


def test_it_is_a_chain_of_3x3_convolutions(build):
    net = build("deep_plain", shape=(1, 12, 13), **SMALL)
    images = torch.randn(2, 1, 12, 13)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        x = functional.avg_pool2d(
            functional.conv2d(images, convolutions[0].weight, convolutions[0].bias, padding=1).tanh(), 4
        )
        for conv in convolutions[1:]:
            x = functional.conv2d(x, conv.weight, conv.bias, padding=1).tanh()
        assert torch.allclose(net(images), x.flatten(1) @ net.fc.weight.T + net.fc.bias, atol=1e-6)
    assert len(convolutions) == 5


def test_circular_padding_commutes_with_shifts(build):
    """On the periodic maps of the theory a shifted map gives the shifted output."""
    net = build("deep_plain", padding="circular", **SMALL)
    x = torch.randn(2, 5, 6, 6)
    with torch.no_grad():
        assert torch.allclose(net.layer1(x.roll((2, 1), (2, 3))), net.layer1(x).roll((2, 1), (2, 3)), atol=1e-6)
    zeros = build("deep_plain", **SMALL)
    with torch.no_grad():
        assert not torch.allclose(zeros.layer1(x.roll(2, 2)), zeros.layer1(x).roll(2, 2), atol=1e-3)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_delta_orthogonal_weights_keep_a_linear_net_s_norm(build, padding):
    """An orthogonal centre and zeros around it: every layer keeps the norm, to whatever depth."""
    net = build("deep_plain", **SMALL | {"depth": 50, "activation": nn.Identity}, padding=padding)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            assert module.stride == (1, 1) and module.in_channels <= module.out_channels
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
            nn.init.orthogonal_(module.weight[:, :, 1, 1])
    x = torch.randn(2, 5, 8, 8)
    with torch.no_grad():
        assert torch.allclose(net.layer2(net.layer1(x)).norm(), x.norm(), rtol=1e-4)


def test_a_thousand_layers_in_groups_of_equal_depth(build, asked):
    with torch.device("meta"):
        net = build("deep_plain", groups=3)
    assert [len(net.get_submodule(f"layer{group}")) for group in (1, 2, 3)] == [333, 333, 334]
    found = [site for site in asked("deep_plain", groups=3) if site.place == "conv"]
    assert [site.block for site in found] == list(range(1, 1001))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, r"model\.depth .* got 0"),
        ({"channels": 2}, r"model\.channels must be the image's 3 or more, got 2"),
        ({"pool": 33}, r"model\.pool=33 is larger than the image, 32×32"),
        ({"padding": "same"}, r"model\.padding must be zeros or circular, got 'same'"),
        ({"groups": 5, "depth": 4}, r"model\.groups=5 needs as many layers, and model\.depth is 4"),
    ],
)
def test_bad_values_are_named(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("deep_plain", **changes)
