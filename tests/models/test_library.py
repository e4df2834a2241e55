"""Networks of torchvision and timm: theirs in every weight, with sites where the rules say, and drops proven there."""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from option_nodes import option_node
from torch import nn

from dropgrid import build
from dropgrid.cli.plan import site_lines
from dropgrid.dry_build import dry_build
from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate
from dropgrid.planning.plan import cells
from dropgrid.planning.types import Plan
from dropgrid.regularizers.drop_path import DropPath
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.sites import AbstractDrop, Site

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

NETWORKS = {
    # library, name -> pixels, and how many sites of each place there are, read off the library's code
    ("torchvision", "resnet18"): (64, {"conv": 16, "skip": 3, "branch": 8}),
    ("torchvision", "resnext50_32x4d"): (64, {"conv": 48, "skip": 4, "branch": 16}),
    ("torchvision", "convnext_tiny"): (64, {"conv": 21, "branch": 18}),
    ("torchvision", "swin_t"): (64, {"hidden": 24, "branch": 24}),
    ("torchvision", "vit_b_16"): (64, {"hidden": 36, "branch": 24}),
    ("torchvision", "maxvit_t"): (224, {"conv": 30, "skip": 3, "hidden": 44, "branch": 54}),
    ("torchvision", "mobilenet_v2"): (64, {"conv": 46, "branch": 10}),
    ("torchvision", "mobilenet_v3_small"): (64, {"conv": 28, "branch": 6}),
    ("torchvision", "regnet_y_400mf"): (64, {"conv": 48, "skip": 4, "branch": 16}),
    ("torchvision", "efficientnet_v2_s"): (64, {"conv": 109, "branch": 35}),
    ("torchvision", "densenet121"): (64, {"conv": 119}),
    ("torchvision", "vgg11_bn"): (64, {"conv": 7}),
    ("torchvision", "deeplabv3_resnet50"): (64, {"conv": 48, "skip": 4, "branch": 16, "decoder": 6}),
    ("torchvision", "lraspp_mobilenet_v3_large"): (64, {"conv": 45, "branch": 10, "decoder": 1, "head": 2}),
    ("timm", "resnet18"): (64, {"conv": 16, "skip": 3, "branch": 8}),
    ("timm", "resnet50d"): (64, {"conv": 48, "skip": 4, "branch": 16}),
    ("timm", "seresnet18"): (64, {"conv": 16, "skip": 3, "branch": 8}),
    ("timm", "convnext_atto"): (64, {"conv": 39, "hidden": 24, "branch": 12}),
    ("timm", "vit_tiny_patch16_224"): (64, {"hidden": 36, "branch": 24}),
    ("timm", "swin_tiny_patch4_window7_224"): (64, {"hidden": 48, "branch": 24}),
    ("timm", "mobilenetv3_small_100"): (64, {"conv": 28, "branch": 6}),
    ("timm", "regnety_002"): (64, {"conv": 39, "skip": 4, "branch": 13}),
    ("timm", "efficientnetv2_rw_t"): (64, {"conv": 106, "branch": 34}),
    ("timm", "coatnet_0_224"): (64, {"conv": 43, "skip": 4, "hidden": 14, "branch": 19}),
    ("timm", "mixer_s32_224"): (64, {"hidden": 32, "branch": 8}),
}
each_network = pytest.mark.parametrize(("library", "name"), NETWORKS)


def theirs(library, name, pixels):
    """The library's own network of eleven classes."""
    if library == "timm":
        sized = {"img_size": pixels} if timm.get_pretrained_cfg(name).fixed_input_size else {}
        return timm.create_model(name, num_classes=11, **sized)
    sized = {"vit_b_16": {"image_size": pixels}, "maxvit_t": {"input_size": (pixels, pixels)}}.get(name, {})
    if name in torchvision.models.list_models(module=torchvision.models.segmentation):
        sized = {"weights_backbone": None}
    return torchvision.models.get_model(name, weights=None, num_classes=11, **sized)


def regularizer(name, **changes):
    return instantiate("regularizer", option_node("regularizer", name) | changes)


def built(library, name, *sites, device="meta", **arguments):
    """The network with regularizer options at its sites."""
    pixels = NETWORKS[library, name][0]
    with torch.device(device):
        make = instantiate("model", option_node("model", library) | {"name": name, "arguments": arguments})
        return make(shape=(3, pixels, pixels), classes=11, sites=sites)


def offered(library, name):
    """The network, and its sites."""
    found = []

    def note(site):
        found.append(site)
        return nn.Identity()

    return built(library, name, note), found


@each_network
def test_it_is_the_library_s_network_and_its_sites_are_where_its_code_drops(library, name):
    pixels, expected = NETWORKS[library, name]
    network, sites = offered(library, name)
    assert Counter(site.place for site in sites) == {"head": 1, "input": 1, **expected}
    assert len({site.name for site in sites}) == len(sites)
    for site in sites:
        outside = ("input",) if "decoder" in expected else ("head", "input")  # a map is before a pixel's classifier
        assert (site.group is None) == (site.place in outside)
        assert site.group is None or 1 <= site.group <= site.groups
        assert site.place != "branch" or 1 <= site.block <= site.blocks
    inside = [site.group for site in sites if site.place == "branch"]
    assert inside == sorted(inside)
    with torch.device("cpu" if "regnet" in name else "meta"):
        known = theirs(library, name, pixels)
    assert {k: v.shape for k, v in network.state_dict().items()} == {k: v.shape for k, v in known.state_dict().items()}
    assert sum(each.numel() for each in network.parameters()) == sum(each.numel() for each in known.parameters())


@each_network
def test_as_much_is_dropped_as_the_law_says(library, name):
    expected = NETWORKS[library, name][1]
    kind: type[AbstractDrop] = DropPath
    option = regularizer("drop_path", depth="constant", keep_prob=0.5)
    if "branch" not in expected:
        kind, option = DropBlock2d, regularizer("dropblock", groups=None, block_size=1)
    network = built(library, name, option, device="cpu").train()
    layers = [module for module in network.modules() if isinstance(module, AbstractDrop)]
    assert {type(layer) for layer in layers} == {kind}
    assert len(layers) == expected["branch" if kind is DropPath else "conv"]
    shapes = {}
    for layer in layers:
        layer.register_forward_pre_hook(lambda module, given: shapes.update({module: given[0].shape}))
    with torch.no_grad():
        network(torch.randn(8, 3, *[NETWORKS[library, name][0]] * 2))
    assert {*shapes} == {*layers}
    law, variance, dropped = 0.0, 0.0, 0.0
    for layer, (_, *shape) in shapes.items():
        rate = np.array([layer.full_level])
        law += float(layer.expected(shape, rate)[0])
        variance += float(layer.variance(shape, rate)[0]) / 8
        dropped += float(layer.dropped) / float(layer.seen)
    assert abs(dropped - law) < 5 * variance**0.5


def cell(*line):
    return cells(["data=fake", "data.size=64", *line])[0]


def network_of(*line):
    one = cell(*line)
    return build.network(one.config, build.source(one.config, one.local).spec())


@pytest.mark.parametrize(
    ("name", "part", "layers"),
    [
        ("deeplabv3_resnet50", "decoder", 6),
        ("deeplabv3_resnet50", "encoder", 48),
        ("deeplabv3_resnet50", "both", 54),
        ("deeplabv3_resnet50", "head", 1),
        ("lraspp_mobilenet_v3_large", "decoder", 1),
        ("lraspp_mobilenet_v3_large", "head", 2),
    ],
)
def test_networks_that_label_pixels_drop_in_the_part_that_is_asked_for(name, part, layers):
    line = ["task=segmentation", "data=composed_scenes", "data.size=64", "model=torchvision", f"model.name={name}"]
    act = ["regularizer=dropblock", f"regularizer.part={part}", "regularizer.groups=null", "regularizer.skip=false"]
    one = cells([*line, *act, "regularizer.block_size=3"])[0]
    network = dry_build(one.config, one.local, build.source(one.config, one.local).spec())
    assert sum(isinstance(each, DropBlock2d) for each in network.modules()) == layers
    assert network(torch.zeros(2, 3, 64, 64, device="meta")).shape == (2, 11, 64, 64)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_masks_act_in_training_alone_and_drop_at_their_rate(library):
    gains = {"zero_init_last": False} if library == "timm" else {}  # else its branches begin at 0
    network = built(library, "resnet18", regularizer("drop_path", keep_prob=0.5), device="cpu", **gains)
    branch = []
    network.layer4[1].bn2.register_forward_hook(lambda _, __, out: branch.append(out.clone()))  # of the sum in place
    images = torch.randn(64, 3, 64, 64)
    network.train()(images)
    dropped = (branch[0].flatten(1) == 0).all(1)
    assert 0.25 < dropped.float().mean() < 0.75
    plain = built(library, "resnet18", device="cpu", **gains).eval()
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(images[:2]), plain(images[:2]))


def test_a_copy_drops_by_its_own_modules():
    network = built("timm", "resnet18", regularizer("drop_path"), device="cpu")
    copied = copy.deepcopy(network)
    used = []
    for one in (network, copied):
        for module in one.modules():
            if isinstance(module, DropPath):
                module.register_forward_hook(lambda module, *_: used.append(id(module)))
    copied.train()(torch.randn(2, 3, 64, 64))
    assert set(used) == {id(module) for module in copied.modules() if isinstance(module, DropPath)}


@pytest.mark.parametrize(("library", "name"), [("timm", "convnext_atto"), ("torchvision", "mobilenet_v3_small")])
def test_initial_weights_are_the_library_s_and_follow_from_the_seed(library, name):
    line = [f"model={library}", f"model.name={name}", "data.classes=11"]
    one, same, other = (network_of(*line, f"seed={seed}") for seed in (3, 3, 4))
    pairs = list(zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    first = next(key for key, value in one.state_dict().items() if value.dim() == 4)
    assert not torch.equal(one.state_dict()[first], other.state_dict()[first])
    before = [each.clone() for each, _ in pairs]
    config = cell(*line)
    build.initialise(config.config, config.local, one)
    assert all(torch.equal(a, b) for a, b in zip(before, one.state_dict().values(), strict=True))
    known = theirs(library, name, 64).state_dict()
    spread = {key: float(value.std()) for key, value in known.items() if value.dim() == 4}
    ratios = [float(one.state_dict()[key].std()) / std for key, std in spread.items() if std > 0]
    assert 0.9 < sum(ratios) / len(ratios) < 1.1


@pytest.mark.parametrize(
    ("library", "name"),
    [("torchvision", "convnext_tiny"), ("torchvision", "vit_b_16"), ("timm", "swin_tiny_patch4_window7_224")],
)
def test_what_the_library_drops_by_itself_is_off(library, name):
    kinds = ("StochasticDepth", "DropPath", "Dropout")
    modules = [each for each in built(library, name).modules() if type(each).__name__ in kinds]
    assert modules and not any(getattr(each, "p", getattr(each, "drop_prob", 0.0)) for each in modules)


def test_axes_that_such_a_network_does_not_read_are_in_no_id():
    assert cell("model=timm").config["norm"] == {"option": "own"}
    with pytest.raises(UserError, match="norm=group: model=timm builds its own norms"):
        cell("model=timm", "norm=group")
    with pytest.raises(UserError, match=r"init=zeros: .*of init it reads checkpoint"):
        cell("model=torchvision", "init=zeros")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["model=torchvision", "model.name=resnet19"], r"no network of torchvision; did you mean 'resnet18'\?"),
        (["model=timm", "model.name=convnext_ato"], r"no network of timm; did you mean 'convnext_atto'\?"),
        (["model=torchvision", "data.channels=1"], "take 3 channels, the data have 1: model=timm takes any"),
        (["model=timm", "+model.arguments.drop_path_rate=0.1"], "would drop unseen beside the regularizer"),
        (["model=timm", "+model.arguments.nonsense=1"], "unexpected keyword argument 'nonsense'"),
        (["model=torchvision", "model.name=vit_b_16", "regularizer=dropblock"], "acts on no site of this model"),
        (
            ["model=torchvision", "model.name=fcn_resnet50", "+model.arguments.aux_loss=true"],
            r"returns no logits \(N, 10, …\) alone in training",
        ),
        (["model=torchvision", "model.name=googlenet", "+model.arguments.init_weights=false"], "returns no logits"),
    ],
)
def test_what_is_refused(line, message):
    one = cell(*line)
    with pytest.raises(UserError, match=message):
        dry_build(one.config, one.local, build.source(one.config, one.local).spec())


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224 +model.arguments.patch_size=4", "convnext_atto"])
def test_grey_images_and_few_pixels_in_timm(name):
    one = cells(["data=fake", "data.size=32", "data.channels=1", "model=timm", *f"model.name={name}".split()])[0]
    network = dry_build(one.config, one.local, build.source(one.config, one.local).spec())
    assert network(torch.zeros(2, 1, 32, 32, device="meta")).shape == (2, 10)


def test_a_site_is_named_as_the_module_at_whose_output_it_is():
    by_name = {site.name: site for site in offered("torchvision", "resnet18")[1]}
    assert by_name["layer4.1.bn1"] == Site("layer4.1.bn1", "conv", group=4, groups=4)
    assert by_name["layer4.0.downsample.1"].place == "skip"
    assert by_name["layer4.1.bn2.branch"] == Site("layer4.1.bn2.branch", "branch", 4, 4, block=8, blocks=8)


def test_the_plan_lists_the_sites():
    one = cell("model=torchvision", "model.name=convnext_tiny")
    (line,) = site_lines(Plan("x", {}, [one], Path(), 1, []))
    assert line == "sites of convnext_tiny: 21 conv, 18 branch, 1 head, 1 input; groups 1 to 4 by the size of the map"
