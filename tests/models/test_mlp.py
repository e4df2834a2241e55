import pytest
import torch
from torch import nn

from dropgrid.norms.none import none


def test_it_is_the_textbook_s_formula(build):
    net = build("mlp", hidden=[7, 5], shape=(1, 4, 3), norm=none).eval()
    x = torch.randn(6, 1, 4, 3)
    first, second = net.layer1.linear, net.layer2.linear
    h = (x.reshape(6, 12) @ first.weight.T + first.bias).clamp(min=0)
    h = (h @ second.weight.T + second.bias).clamp(min=0)
    assert torch.allclose(net(x), h @ net.fc.weight.T + net.fc.bias, atol=1e-6)


def test_without_hidden_layers_it_is_softmax_regression(build):
    net = build("mlp", hidden=[], shape=(1, 4, 3)).eval()
    assert {name for name, _ in net.named_parameters()} == {"fc.weight", "fc.bias"}
    x = torch.randn(6, 1, 4, 3)
    assert torch.allclose(net(x), x.reshape(6, 12) @ net.fc.weight.T + net.fc.bias, atol=1e-6)


def test_parameters_of_the_classic_784_800_800_10(millions):
    assert millions("mlp", shape=(1, 28, 28), norm=none) == pytest.approx(1.276810)


def test_every_hidden_layer_is_a_group_and_its_norm_takes_the_bias(asked, build):
    sites = {site.name: site for site in asked("mlp", hidden=[7, 5])}
    assert [sites[name].group for name in ("layer1", "layer2", "layer1.linear.weight", "fc.weight")] == [1, 2, 1, None]
    assert {site.place for site in sites.values()} == {"input", "hidden", "head", "weight"}
    assert all(site.linear == (site.place in ("hidden", "weight")) for site in sites.values())
    net = build("mlp", hidden=[7, 5])
    assert net.layer1.linear.bias is None and isinstance(net.layer1.norm, nn.BatchNorm1d)


@pytest.mark.parametrize("hidden", [None, 800, [0], ["a"]])
def test_hidden_lists_whole_numbers(build, hidden):
    with pytest.raises(ValueError, match=r"model\.hidden"):
        build("mlp", hidden=hidden)


def standardized(x):
    """Batch norm in training, as it starts."""
    return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()


def test_post_norm_stands_after_the_activation_and_leaves_the_layer_its_bias(build):
    net = build("mlp", hidden=[7], shape=(1, 4, 3), post_norm=True)
    x, layer = torch.randn(6, 1, 4, 3), net.layer1.linear
    assert layer.bias is not None
    h = standardized((x.reshape(6, 12) @ layer.weight.T + layer.bias).clamp(min=0))
    assert torch.allclose(net(x), h @ net.fc.weight.T + net.fc.bias, atol=1e-5)


def test_norm_head_stands_after_the_classifier_and_takes_its_bias(build):
    net = build("mlp", hidden=[7], shape=(1, 4, 3), norm_head=True)
    assert net.fc.bias is None and net.norm.num_features == 10
    x = torch.randn(6, 1, 4, 3)
    h = standardized(x.reshape(6, 12) @ net.layer1.linear.weight.T).clamp(min=0)
    assert torch.allclose(net(x), standardized(h @ net.fc.weight.T), atol=1e-4)


def test_a_site_stands_after_a_norm_wherever_it_is(build):
    for post_norm in (False, True):
        names = [name for name, _ in build("mlp", post_norm=post_norm).layer1.named_children()]
        assert names == (["linear", "act", "norm", "drop"] if post_norm else ["linear", "norm", "act", "drop"])


@pytest.mark.parametrize("key", ["post_norm", "norm_head"])
@pytest.mark.parametrize("name", ["mlp", "cifar_quick"])
def test_switches_are_true_or_false(build, name, key):
    with pytest.raises(ValueError, match=rf"model\.{key} must be true or false, got 'yes'"):
        build(name, **{key: "yes"})
