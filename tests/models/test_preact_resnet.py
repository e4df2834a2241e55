import pytest
import torch
from torch import nn
from torch.nn import functional

from dropgrid.norms.none import none


@pytest.mark.parametrize(
    ("name", "digits", "published"),
    [
        ("preact_resnet110", 1, 1.7),
        ("wide_resnet28_10", 1, 36.5),
        ("wide_resnet16_8", 1, 11.0),
        ("wide_resnet40_4", 1, 8.9),
    ],
)
def test_parameter_counts_are_the_published_ones(millions, name, digits, published):
    """He et al. (2016), Table 3; Zagoruyko, Komodakis, Tables 4 and 5."""
    assert round(millions(name), digits) == published


@pytest.mark.parametrize("depth", [14, 20, 32, 44, 56, 110])
def test_cifar_twins_have_as_many_weights_as_the_residual_net(build, depth):
    def weights(name):
        with torch.device("meta"):
            return [m.weight.shape for m in build(name).modules() if isinstance(m, nn.Conv2d | nn.Linear)]

    assert weights(f"preact_resnet{depth}") == weights(f"resnet{depth}")


def norm_act(x, norm):
    return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias).relu()


def conv(x, layer):
    return functional.conv2d(x, layer.weight, stride=layer.stride, padding=layer.padding)


def reference(net, images):
    """The forward pass written out from the parameters."""
    x = norm_act(conv(images, net.conv1), net.bn1)
    if not isinstance(net.maxpool, nn.Identity):
        x = functional.max_pool2d(x, 3, 2, 1)
    blocks = [block for group in range(1, net.groups + 1) for block in net.get_submodule(f"layer{group}")]
    for block in blocks:
        y = x if block is blocks[0] else norm_act(x, block.bn1)
        changed = block.downsample is not None
        skip = y if changed else x
        if isinstance(block.downsample, nn.Conv2d):
            skip = conv(skip, block.downsample)
        elif changed:
            skip = functional.pad(skip[:, :, ::2, ::2], (0, 0, 0, 0, 0, block.conv2.out_channels - x.shape[1]))
        y = conv(y, block.conv1)
        y = conv(norm_act(y, block.bn2), block.conv2)
        if hasattr(block, "conv3"):
            y = conv(norm_act(y, block.bn3), block.conv3)
        x = y + skip
    return norm_act(x, net.bn2).mean((2, 3)) @ net.fc.weight.T + net.fc.bias


@pytest.mark.parametrize(
    ("name", "changes"),
    [("preact_resnet14", {}), ("preact_resnet50", {"width": 0.25}), ("wide_resnet16_8", {"width": 0.25})],
)
def test_logits_are_the_reference_s(build, shuffled_statistics, name, changes):
    net = shuffled_statistics(build(name, **changes)).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = reference(net, images)
        assert torch.allclose(net(images), expected, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["preact_resnet20", "preact_resnet50"])
def test_the_identity_path_is_clean(build, name):
    """With silent branches a group carries its signal, negative numbers too, and the gradient, unchanged (eq. 5)."""
    net = build(name, width=0.25)
    for block in net.layer2[1:]:
        nn.init.zeros_(block.get_submodule(block.branch_layers[-1]).weight)
    x = torch.randn(2, net.layer2[1].conv1.in_channels, 4, 4, requires_grad=True)
    output = net.layer2[1:](x)
    assert torch.equal(output, x) and output.min() < 0
    weight = torch.randn_like(x)
    (output * weight).sum().backward()
    assert torch.equal(x.grad, weight)


def test_only_the_first_block_starts_without_a_norm(build):
    net = build("preact_resnet20")
    blocks = [*net.layer1, *net.layer2, *net.layer3]
    assert [isinstance(block.bn1, nn.Identity) for block in blocks] == [True] + [False] * 8


def test_no_convolution_has_a_bias_under_an_affine_norm_and_all_have_without(build):
    for norm, biased in ((None, False), (none, True)):
        with torch.device("meta"):
            net = build("preact_resnet50", **({"norm": norm} if norm else {}))
        assert all((m.bias is not None) == biased for m in net.modules() if isinstance(m, nn.Conv2d))


def test_sites_of_a_block(asked):
    def of(name):
        return {s.name.removeprefix("layer2.0."): s.place for s in asked(name) if s.name.startswith("layer2.0.")}

    weights = {f"{layer}.weight": "weight" for layer in ("conv1", "conv2", "downsample")}
    sites = {"conv1": "conv", "conv2": "conv", "skip": "skip", "branch": "branch"}
    assert of("preact_resnet18") == weights | sites
    del sites["conv2"]
    assert of("wide_resnet28_10") == weights | sites


def test_dropout_of_the_wide_net_stands_before_the_second_convolution(build, mark, shuffled_statistics):
    """Fig. 1d: between the convolutions, after norm and activation: doubling there doubles the branch."""
    plain = shuffled_statistics(build("wide_resnet16_8", width=0.125)).eval()
    doubled = build("wide_resnet16_8", width=0.125, sites=[mark("layer2.1.conv1")]).eval()
    doubled.load_state_dict(plain.state_dict())
    x = torch.randn(2, 32, 8, 8)
    with torch.no_grad():
        branch = plain.layer2[1](x) - x
        assert torch.allclose(doubled.layer2[1](x) - x, 2 * branch, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": "wide"}, r"model\.block must be basic or bottleneck, got 'wide'"),
        ({"shortcut": "none"}, r"model\.shortcut must be projection or pad, got 'none'"),
        ({"strides": [1]}, r"model\.strides needs one stride for each of 3 groups, got \[1\]"),
        ({"stem_width": 0}, r"model\.stem_width .* got 0"),
        ({"stem_width": 20}, r"model\.shortcut=pad cannot narrow the stem's 20 channels to 16"),
        ({"last_site": "no"}, r"model\.last_site must be true or false, got 'no'"),
        ({"branch_scale": "zero"}, r"model\.branch_scale must be .* got 'zero'"),
    ],
)
def test_bad_values_are_named(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("preact_resnet20", **changes)
