from functools import partial
from pathlib import Path

import pytest
import torch
import torchvision
import yaml
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.norms.batch import batch
from dropgrid.norms.none import none
from dropgrid.sites import AbstractDrop, Site, drops

CONF = Path(__file__).parents[2] / "conf" / "model"
BATCH = partial(batch, eps=1e-5, momentum=0.1, affine=True)


def build(name, *, sites=(), norm=BATCH, channels=3, classes=10, **changes):
    node = {**yaml.safe_load((CONF / f"{name}.yaml").read_text()), **changes}
    model = instantiate("model", node)
    return model(channels=channels, classes=classes, norm=norm, activation=nn.ReLU, sites=sites)


class Halve(AbstractDrop):
    """Stands in for a regularizer: visible in training, identity in eval, and says how often it was asked."""

    def drop(self, input, key):
        return input / 2, torch.tensor(input.numel() // 2), input.numel()

    def expected(self, shape, drop_prob):
        return drop_prob

    def variance(self, shape, drop_prob):
        return drop_prob


def everywhere(*places):
    """An option that acts at these places."""
    return lambda site: Halve(0.5) if site.place in places else nn.Identity()


def asked(name, **changes):
    """Every site that a network offers."""
    found = []

    def option(site):
        found.append(site)
        return nn.Identity()

    with torch.device("meta"):
        build(name, sites=[option], **changes)
    return found


def millions(name, **changes):
    with torch.device("meta"):
        return sum(p.numel() for p in build(name, **changes).parameters()) / 1e6


def shuffled_statistics(model):
    """Make norms differ from the identity, so that a norm in the wrong place is seen."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_names_and_logits_are_torchvisions_with_and_without_drop_sites(name):
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


def test_gradients_are_torchvisions():
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
def test_parameter_counts_of_the_cifar_family_are_the_published_ones(name, digits, published):
    """He et al., CVPR 2016, Table 6."""
    assert round(millions(name), digits) == published


@pytest.mark.parametrize(("name", "n"), [("resnet14", 2), ("resnet20", 3), ("resnet56", 9), ("resnet110", 18)])
def test_the_cifar_family_has_6n_plus_2_layers(name, n):
    weights = [site for site in asked(name) if site.place == "weight"]
    assert len(weights) == 6 * n + 2 == int(name.removeprefix("resnet"))


def test_pad_shortcut_is_option_a():
    model = build("resnet20")
    skip = model.layer2[0].downsample
    x = torch.randn(2, 16, 8, 6)
    expected = torch.zeros(2, 32, 4, 3)
    for i in range(4):
        for j in range(3):
            expected[:, :16, i, j] = x[:, :, 2 * i, 2 * j]
    assert torch.equal(skip(x), expected)
    assert list(skip.parameters()) == []
    assert model.layer1[0].downsample is None


def test_projection_shortcut_can_be_chosen():
    projected = build("resnet20", shortcut="projection")
    assert isinstance(projected.layer2[0].downsample[0], nn.Conv2d)
    # two projections, 16 -> 32 and 32 -> 64, each with a norm of two parameters a channel
    more = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert round((millions("resnet20", shortcut="projection") - millions("resnet20")) * 1e6) == more


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


def test_logits_of_the_cifar_family_are_the_reference_s():
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
def test_maps_have_these_sizes(name, changes, size, maps):
    with torch.device("meta"):
        model = build(name, **changes)
        found = []
        for group in range(1, model.groups + 1):
            layer = model.get_submodule(f"layer{group}")
            layer.register_forward_hook(lambda _, __, output: found.append(output.shape[-1]))
        assert model(torch.zeros(2, 3, size, size)).shape == (2, 10)
    assert found == maps


def test_small_stem_is_one_3x3_convolution_without_pooling():
    model = build("resnet18", stem="small", stem_stride=2)
    assert model.conv1.kernel_size == (3, 3) and model.conv1.stride == (2, 2)
    assert not any(isinstance(module, nn.MaxPool2d) for module in model.modules())


@pytest.mark.parametrize(
    ("name", "width", "stem", "features"),
    [("resnet20", 2, 32, 128), ("resnet20", 0.3, 5, 19), ("resnet50", 0.5, 32, 1024), ("resnet20", 0.01, 1, 1)],
)
def test_width_multiplies_every_width_and_rounds(name, width, stem, features):
    with torch.device("meta"):
        model = build(name, width=width)
        assert model.conv1.out_channels == stem
        assert model.fc.in_features == features
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_images_of_one_channel():
    assert build("resnet20", channels=1, classes=4)(torch.randn(2, 1, 28, 28)).shape == (2, 4)


@pytest.mark.parametrize("name", ["resnet14", "resnet18", "resnet50"])
def test_site_names_are_unique_and_numbered(name):
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


def of_block(name, block):
    return {s.name.removeprefix(f"{block}."): s.place for s in asked(name) if s.name.startswith(f"{block}.")}


def test_sites_of_a_bottleneck():
    features = {"conv1": "conv", "conv2": "conv", "conv3": "conv", "skip": "skip", "branch": "branch"}
    weights = {f"conv{number}.weight": "weight" for number in (1, 2, 3)}
    assert of_block("resnet50", "layer3.1") == features | weights
    assert of_block("resnet50", "layer3.0") == features | weights | {"downsample.0.weight": "weight"}


def test_sites_of_a_basic_block():
    features = {"conv1": "conv", "conv2": "conv", "skip": "skip", "branch": "branch"}
    weights = {"conv1.weight": "weight", "conv2.weight": "weight"}
    assert of_block("resnet20", "layer3.0") == features | weights
    assert of_block("resnet18", "layer3.0") == features | weights | {"downsample.0.weight": "weight"}


def test_every_conv_and_linear_has_a_weight_site_of_its_parameter_s_name():
    with torch.device("meta"):
        expected = {
            f"{name}.weight"
            for name, module in build("resnet50").named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
    assert {site.name for site in asked("resnet50") if site.place == "weight"} == expected


def mark(site_name):
    """An option that doubles the features of one site, in eval too."""

    class Double(nn.Module):
        def forward(self, input):
            return 2 * input

    return lambda site: Double() if site.name == site_name else nn.Identity()


@pytest.mark.parametrize("name", ["resnet14", "resnet50"])
@pytest.mark.parametrize("where", ["conv1", "conv2", "conv3", "skip", "branch"])
def test_sites_stand_where_the_reference_has_them(name, where):
    """Doubling a site's features is doubling what the paper applies DropBlock to, and nothing else."""
    block_name, size = "layer2.0", 8
    if name == "resnet14" and where == "conv3":
        assert where not in of_block(name, block_name)
        return
    plain = shuffled_statistics(build(name)).eval()
    doubled = build(name, sites=[mark(f"{block_name}.{where}")]).eval()
    doubled.load_state_dict(plain.state_dict())
    a = plain.get_submodule(block_name)
    last = 2 if name == "resnet14" else 3
    x = torch.randn(2, a.conv1.in_channels, size, size)
    with torch.no_grad():
        y = x
        for number in range(1, last + 1):
            y = getattr(a, f"bn{number}")(getattr(a, f"conv{number}")(y))
            if number < last:
                y = y.relu()
            if where == f"conv{number}" or (where == "branch" and number == last):
                y = 2 * y
        skip = a.downsample(x) * (2 if where == "skip" else 1)
        assert torch.allclose(doubled.get_submodule(block_name)(x), (y + skip).relu(), atol=1e-5)
        assert not torch.allclose(a(x), (y + skip).relu(), atol=1e-3)


def test_branch_acts_after_the_conv_site():
    seen = []

    class Note(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, input):
            seen.append(self.name)
            return input

    model = build("resnet14", sites=[lambda s: Note(s.name) if s.name.startswith("layer3.1") else nn.Identity()])
    model(torch.randn(2, 3, 16, 16))
    features = [name for name in seen if not name.endswith("weight")]
    assert features.index("layer3.1.conv2") + 1 == features.index("layer3.1.branch")


def test_input_and_head_sites():
    plain = build("resnet14").eval()
    images = torch.randn(2, 3, 16, 16)
    doubled = build("resnet14", sites=[mark("input"), mark("head")]).eval()
    doubled.load_state_dict(plain.state_dict())
    with torch.no_grad():
        # twice the features before a linear classifier: twice its part of the logits
        expected = 2 * plain(2 * images) - plain.fc.bias
        assert torch.allclose(doubled(images), expected, atol=1e-4)


def test_the_skip_site_acts_on_an_identity_shortcut_too():
    model = build("resnet14", sites=[everywhere("skip")]).train()
    block = model.layer1[1]
    assert block.downsample is None and isinstance(block.drop_skip, Halve)
    model(torch.randn(2, 3, 16, 16))
    assert block.drop_skip.seen > 0


def test_state_dict_without_regularizers_holds_parameters_and_norm_buffers_alone():
    keys = list(build("resnet14").state_dict())
    assert not any("drop" in key or "act" in key or "parametrizations" in key for key in keys)


def test_weight_site_is_a_parametrization_of_every_layer():
    plain = build("resnet14")
    model = build("resnet14", sites=[everywhere("weight")])
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            module, _, leaf = name.rpartition(".")
            owner = model.get_submodule(module)
            parametrized = leaf == "weight" and hasattr(owner, "parametrizations")
            (owner.parametrizations.weight.original if parametrized else getattr(owner, leaf)).copy_(parameter)
    assert set(drops(model)) == {site.name for site in asked("resnet14") if site.place == "weight"}
    layer = model.layer3[0].conv1
    assert torch.equal(layer.train().weight, layer.parametrizations.weight.original / 2)
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(model.eval()(images), plain.eval()(images))
    model.train()(images).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_building_draws_and_counts_no_mask():
    model = build("resnet14", sites=[everywhere("input", "conv", "skip", "branch", "head", "weight")])
    assert all(drop.seen == 0 and not drop.keyed for drop in drops(model).values())


def test_several_options_act_in_their_order_at_one_site():
    model = build("resnet14", sites=[everywhere("conv"), everywhere("branch"), everywhere("conv")])
    assert [each.site for each in model.layer1[0].drop1] == ["layer1.0.conv1", "layer1.0.conv1#3"]


@pytest.mark.parametrize("name", ["resnet14", "resnet50"])
def test_zero_init_residual_makes_every_block_its_shortcut(name):
    model = build(name, zero_init_residual=True).eval()
    block = model.layer2[1]
    x = torch.rand(2, block.conv1.in_channels, 4, 4)
    assert torch.equal(block(x), x)
    assert not torch.equal(build(name).eval().layer2[1](x), x)


@pytest.mark.parametrize("norm", [none, partial(batch, eps=1e-5, momentum=0.1, affine=False)])
def test_zero_init_residual_needs_a_gain(norm):
    with pytest.raises(ValueError, match=r"model\.zero_init_residual=true needs a norm with a gain"):
        build("resnet14", zero_init_residual=True, norm=norm)


def test_convolutions_have_a_bias_exactly_without_an_affine_norm():
    for norm, biased in ((BATCH, False), (none, True), (partial(batch, eps=1e-5, momentum=0.1, affine=False), True)):
        with torch.device("meta"):
            model = build("resnet50", norm=norm)
        convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        assert convs and all((conv.bias is not None) == biased for conv in convs)


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
        ({"classes": 0}, r"model\.classes .* got 0"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build("resnet20", **changes)


def test_site_in_groups_counts_from_the_end():
    last = [site for site in asked("resnet14") if site.in_groups([-1])]
    assert last and {site.group for site in last} == {3}
    assert isinstance(last[0], Site)
