"""The plain twins of the residual nets."""

import pytest
import torch
from torch import nn
from torch.nn import functional

FAMILIES = ["14", "14_mnist", "18", "20", "32", "34", "44", "50", "56", "101", "110", "152"]


def conv_norm(x, conv, norm):
    x = functional.conv2d(x, conv.weight, stride=conv.stride, padding=conv.padding)
    return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


@pytest.mark.parametrize(("name", "size"), [("plain14", 16), ("plain34", 64), ("plain50", 64)])
def test_it_is_a_chain_of_convolutions_norms_and_activations(build, shuffled_statistics, name, size):
    """Built from the parameters alone, in their order: nothing else is in it."""
    net = shuffled_statistics(build(name)).eval()
    modules = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        x = images
        for conv, norm in zip(modules[::2], modules[1::2], strict=True):
            x = conv_norm(x, conv, norm).relu()
            if conv is modules[0] and name != "plain14":
                x = functional.max_pool2d(x, 3, 2, 1)
        expected = x.mean((2, 3)) @ net.fc.weight.T + net.fc.bias
        assert torch.allclose(net(images), expected, atol=1e-5)


@pytest.mark.parametrize("depth", FAMILIES)
def test_its_parameters_are_the_residual_net_s_without_the_shortcuts(build, depth):
    with torch.device("meta"):
        plain, residual = build(f"plain{depth}"), build(f"resnet{depth}")
    shapes = {name: tensor.shape for name, tensor in residual.state_dict().items() if "downsample" not in name}
    assert {name: tensor.shape for name, tensor in plain.state_dict().items()} == shapes


def test_it_has_neither_branch_nor_skip(build, asked):
    assert {site.place for site in asked("plain20")} == {"input", "conv", "head", "weight"}
    with torch.device("meta"):
        assert not any(hasattr(module, "branch_layers") for module in build("plain20").modules())
    convolutions = [site.name for site in asked("resnet20") if site.place == "conv"]
    assert [site.name for site in asked("plain20") if site.place == "conv"] == convolutions
