from functools import partial

import pytest
import torch
import torchvision
from torch import nn

from dropgrid.regularizers.dropblock import dropblock
from dropgrid.sites import drops

TORCHVISIONS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d"]


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_names_and_logits_are_torchvisions_with_and_without_drop_sites(build, everywhere, shuffled_statistics, name):
    theirs = shuffled_statistics(torchvision.models.get_model(name, weights=None, num_classes=7)).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs(images)
    for sites in ([], [everywhere("input", "conv", "skip", "branch", "head")]):
        with torch.device("meta"):
            ours = build(name, classes=7, sites=sites).to_empty(device="cpu").eval()
        assert len(drops(ours)) > 0 or not sites
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.load_state_dict(theirs.state_dict(), strict=True)
        with torch.no_grad():
            assert torch.equal(ours(images), expected)


def test_gradients_are_torchvisions(build):
    theirs = torchvision.models.resnet18(weights=None, num_classes=7)
    ours = build("resnet18", classes=7)
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    for model in (ours, theirs):
        model(images).square().sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter.grad, expected[name].grad), name
    for name, buffer in ours.named_buffers():
        assert torch.equal(buffer, theirs.get_buffer(name)), name


@pytest.mark.parametrize(
    ("name", "digits", "published"),
    [("resnet20", 2, 0.27), ("resnet32", 2, 0.46), ("resnet44", 2, 0.66), ("resnet56", 2, 0.85), ("resnet110", 1, 1.7)],
)
def test_parameter_counts_of_the_cifar_family_are_the_published_ones(millions, name, digits, published):
    """He et al., CVPR 2016, Table 6."""
    assert round(millions(name), digits) == published


@pytest.mark.parametrize(("name", "n"), [("resnet14", 2), ("resnet20", 3), ("resnet56", 9), ("resnet110", 18)])
def test_the_cifar_family_has_6n_plus_2_layers(asked, name, n):
    weights = [site for site in asked(name) if site.place == "weight"]
    assert len(weights) == 6 * n + 2 == int(name.removeprefix("resnet"))


def reference(model, images):
    """The forward pass of a basic-block net without drop sites, written out from its parameters."""

    def conv_norm(x, conv, norm):
        x = nn.functional.conv2d(x, conv.weight, stride=conv.stride, padding=conv.padding)
        return nn.functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    x = conv_norm(images, model.conv1, model.bn1).relu()
    for block in [block for group in (model.layer1, model.layer2, model.layer3) for block in group]:
        y = conv_norm(x, block.conv1, block.bn1).relu()
        y = conv_norm(y, block.conv2, block.bn2)
        if y.shape[1] != x.shape[1]:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        x = (x + y).relu()
    return x.mean((2, 3)) @ model.fc.weight.T + model.fc.bias


def test_logits_of_the_cifar_family_are_the_reference_s(build, shuffled_statistics):
    model = shuffled_statistics(build("resnet14")).eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(model(images), reference(model, images), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "changes", "size", "maps"),
    [
        ("resnet20", {}, 32, [32, 16, 8]),
        ("resnet14", {"stem_stride": 2, "strides": [1, 2, 1]}, 28, [14, 7, 7]),
        ("resnet18", {}, 224, [56, 28, 14, 7]),
        ("resnet18", {"stem": "small"}, 32, [32, 16, 8, 4]),
        ("resnet50", {"stem": "small", "stem_stride": 2}, 64, [32, 16, 8, 4]),
    ],
)
def test_maps_have_these_sizes(build, name, changes, size, maps):
    with torch.device("meta"):
        model = build(name, **changes)
        found = []
        for group in range(1, model.groups + 1):
            layer = model.get_submodule(f"layer{group}")
            layer.register_forward_hook(lambda _, __, output: found.append(output.shape[-1]))
        assert model(torch.zeros(2, 3, size, size)).shape == (2, 10)
    assert found == maps


def test_small_stem_is_one_3x3_convolution_without_pooling(build):
    model = build("resnet18", stem="small", stem_stride=2)
    assert model.conv1.kernel_size == (3, 3) and model.conv1.stride == (2, 2)
    assert not any(isinstance(module, nn.MaxPool2d) for module in model.modules())


@pytest.mark.parametrize(
    ("name", "width", "stem", "features"),
    [("resnet20", 2, 32, 128), ("resnet20", 0.3, 5, 19), ("resnet50", 0.5, 32, 1024), ("resnet20", 0.01, 1, 1)],
)
def test_width_multiplies_every_width_and_rounds(build, name, width, stem, features):
    with torch.device("meta"):
        model = build(name, width=width)
        assert model.conv1.out_channels == stem
        assert model.fc.in_features == features
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_images_of_one_channel(build):
    assert build("resnet20", shape=(1, 28, 28), classes=4)(torch.randn(2, 1, 28, 28)).shape == (2, 4)


@pytest.mark.parametrize("name", ["resnet14", "resnet18", "resnet50"])
def test_site_names_are_unique_and_numbered(asked, name):
    found = asked(name)
    names = [site.name for site in found]
    assert len(names) == len(set(names))
    inside = [site for site in found if site.group is not None]
    groups, blocks = found[0].groups, found[0].blocks
    assert {site.groups for site in found} == {groups} and {site.blocks for site in found} == {blocks}
    assert {site.group for site in inside} == set(range(1, groups + 1))
    assert {site.block for site in inside} == set(range(1, blocks + 1))
    for site in found:
        assert (site.block is None) == (site.group is None)
        if site.group is not None:
            assert site.name.startswith(f"layer{site.group}.")
    assert {site.name for site in found if site.group is None} == {"input", "head", "conv1.weight", "fc.weight"}


def test_input_and_head_sites(build, mark):
    plain = build("resnet14").eval()
    images = torch.randn(2, 3, 16, 16)
    doubled = build("resnet14", sites=[mark("input"), mark("head")]).eval()
    doubled.load_state_dict(plain.state_dict())
    with torch.no_grad():
        # twice the features before a linear classifier: twice its part of the logits
        expected = 2 * plain(2 * images) - plain.fc.bias
        assert torch.allclose(doubled(images), expected, atol=1e-4)


def test_state_dict_without_regularizers_holds_parameters_and_norm_buffers_alone(build):
    keys = list(build("resnet14").state_dict())
    assert not any("drop" in key or "act" in key or "parametrizations" in key for key in keys)


@pytest.mark.parametrize(("name", "changes"), [("none", {}), ("batch", {"affine": False})])
def test_zero_init_residual_needs_a_gain(build, option, name, changes):
    with pytest.raises(ValueError, match=r"model\.zero_init_residual=true needs a norm with a gain"):
        build("resnet14", zero_init_residual=True, norm=option("norm", name, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": "wide"}, r"model\.block must be basic or bottleneck, got 'wide'"),
        ({"stem": "large"}, r"model\.stem must be imagenet or small, got 'large'"),
        ({"shortcut": "conv"}, r"model\.shortcut must be projection or pad, got 'conv'"),
        ({"depths": []}, r"model\.depths .* got \[\]"),
        ({"depths": 3}, r"model\.depths .* got 3"),
        ({"depths": [3, 0, 3]}, r"model\.depths .* got 0"),
        ({"depths": [3, True, 3]}, r"model\.depths .* got True"),
        ({"strides": [1, 2]}, r"model\.strides needs one stride for each of 3 groups, got \[1, 2\]"),
        ({"strides": [1, 2, 0.5]}, r"model\.strides .* got 0\.5"),
        ({"base_width": 1.5}, r"model\.base_width .* got 1\.5"),
        ({"width": 0}, r"model\.width must be a number above 0, got 0"),
        ({"width": float("inf")}, r"model\.width must be a number above 0, got inf"),
        ({"width": "abc"}, r"model\.width must be a number above 0, got 'abc'"),
        ({"stem_stride": 0}, r"model\.stem_stride .* got 0"),
        ({"stem": "imagenet", "stem_stride": 2}, r"model\.stem_stride acts on stem=small alone"),
        ({"zero_init_residual": "no"}, r"model\.zero_init_residual must be true or false, got 'no'"),
        ({"residual": 1}, r"model\.residual must be true or false, got 1"),
        ({"residual": False, "branch_scale": "skipinit"}, r"model\.branch_scale=skipinit scales branches"),
        ({"residual": False, "zero_init_residual": True}, r"model\.zero_init_residual=true needs model\.residual=true"),
        ({"branch_scale": "rezero"}, r"model\.branch_scale must be none, skipinit or fixup, got 'rezero'"),
        (
            {"branch_scale": "fixup", "zero_init_residual": True},
            r"needs model\.residual=true and model\.branch_scale=none",
        ),
        ({"cardinality": 8}, r"act on block=bottleneck"),
        ({"block": "bottleneck", "cardinality": 0}, r"model\.cardinality .* got 0"),
        ({"classes": 0}, r"model\.classes .* got 0"),
    ],
)
def test_bad_values_are_named(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("resnet20", **changes)


def test_site_in_groups_counts_from_the_end(asked):
    last = [site for site in asked("resnet14") if site.in_groups([-1])]
    assert last and {site.group for site in last} == {3}


def test_one_graph_with_scheduled_dropblock(build):
    """Forward and backward captured whole, and never again while the rates and keys of all sites change."""
    option = partial(
        dropblock, keep_prob=0.9, block_size=3, groups=[-2, -1], part="encoder", skip=True, schedule="linear",
        per_channel=True, gamma="paper", seeds="fits", per_group_rate=True, inference=False,
    )  # fmt: skip
    net = build("resnet20", classes=3, sites=[option])
    sites = drops(net)
    assert len(sites) > 12
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    for step in range(10):
        for index, drop in enumerate(sites.values()):
            drop.advance(drop.level_at(step / 9), 100 * step + index)
        compiled(torch.randn(4, 3, 16, 16)).sum().backward()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize(
    ("name", "classes", "digits", "published"),
    [("resnext50_32x4d", 1000, 1, 25.0), ("resnext101_32x8d", 1000, 1, 88.8), ("resnext29_8x64d", 10, 1, 34.4)],
)
def test_parameter_counts_of_resnext_are_the_published_ones(millions, name, classes, digits, published):
    """Xie et al., CVPR 2017, Tables 1 and 7; 101 32×8d: torchvision's."""
    assert round(millions(name, classes=classes), digits) == published


def test_grouped_convolutions_are_so_many_convolutions_side_by_side(build):
    block = build("resnext29_8x64d", width=0.125).layer1[0]
    assert block.conv2.groups == 8 and block.conv2.weight.shape == (64, 8, 3, 3)
    x = torch.randn(2, 64, 5, 5)
    with torch.no_grad():
        parts = [
            nn.functional.conv2d(x[:, 8 * i : 8 * i + 8], block.conv2.weight[8 * i : 8 * i + 8], padding=1)
            for i in range(8)
        ]
        assert torch.allclose(block.conv2(x), torch.cat(parts, 1), atol=1e-5)


@pytest.mark.parametrize(("name", "layers"), [("resnet20", 2), ("resnet50", 3)])
def test_blocks_name_their_branch_s_layers_in_order(build, name, layers):
    with torch.device("meta"):
        net = build(name)
    found = [module for module in net.modules() if hasattr(module, "branch_layers")]
    assert len(found) == sum(len(net.get_submodule(f"layer{group}")) for group in range(1, net.groups + 1))
    for block in found:
        assert block.branch_layers == tuple(f"conv{number}" for number in range(1, layers + 1))
        assert all(isinstance(block.get_submodule(layer), nn.Conv2d) for layer in block.branch_layers)
