"""What every model must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import torch
from option_nodes import option_node
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.sites import PLACES
from dropgrid.store.identity import BUILT_ELSEWHERE

CONF = Path(__file__).parents[2] / "conf"
FOLDER = CONF / "model"
OPTIONS = sorted({path.stem for path in FOLDER.glob("*.yaml")} - {*BUILT_ELSEWHERE})
"""Those that a library builds are in tests/models/test_library.py."""
NORMS = sorted(path.stem for path in (CONF / "norm").glob("*.yaml"))
INJECTED = {"norm", "activation", "sites", "shape", "classes"}


def option(name, **changes):
    node = option_node("model", name) | changes
    return instantiate("model", node), node


def norm(name, **changes):
    return instantiate("norm", option_node("norm", name) | changes)


def build(name, changes=None, **parts):
    """The model on the meta device."""
    parts = {"norm": norm("batch"), "activation": nn.ReLU} | parts
    with torch.device("meta"):
        return option(name, **changes or {})[0](shape=(3, *size(name)), classes=11, **parts)


@cache
def built(name):
    """The model as its YAML has it, built once: what uses it leaves it as it is."""
    return build(name)


def cut(name):
    """Changes that leave of many blocks, which are all alike, a few."""
    node = option(name)[1]
    few = {"depth": min(30, node["depth"])} if "depth" in node else {}
    return few | ({"depths": [min(2, depth) for depth in node["depths"]]} if "depths" in node else {})


def size(name):
    """The size of images that the model is meant for, as its YAML says at the top; any can have 32×32."""
    side = re.search(r"for (\d+)×\1 images", (FOLDER / f"{name}.yaml").read_text())
    pixels = max(32, int(side[1])) if side else 32
    return pixels, pixels


def map_size(name):
    """The size of the map of logits of a network that labels pixels; nothing of one that labels images."""
    return size(name) if "task=segmentation" in (FOLDER / f"{name}.yaml").read_text() else ()


def images(name):
    return torch.zeros(2, 3, *size(name), device="meta")


def test_there_are_options():
    cifar, imagenet = ("14", "20", "32", "44", "56", "110"), ("18", "34", "50", "101", "152")
    for family in ("resnet", "plain", "preact_resnet"):
        assert {f"{family}{depth}" for depth in (*cifar, *imagenet)} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    model, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    parameters = inspect.signature(model.func).parameters
    assert given == set(parameters) - INJECTED and set(parameters) >= INJECTED
    assert all(parameters[k].default is inspect.Parameter.empty for k in given), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
def test_it_builds_on_the_meta_device_and_gives_logits(name):
    model = built(name)
    assert all(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    assert model(images(name)).shape == (2, 11, *map_size(name))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_parameter_is_used(name):
    model = build(name, cut(name))
    model(images(name)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", OPTIONS)
def test_sites_are_named_once_and_numbered_in_their_groups(name):
    found = []

    def note(site):
        found.append(site)
        return nn.Identity()

    model = build(name, sites=[note])
    names = [site.name for site in found]
    assert names and len(names) == len(set(names))
    for site in found:
        assert site.place in PLACES
        assert site.groups == model.groups
        assert (site.group is None) == (site.block is None)
        assert site.group is None or (1 <= site.group <= site.groups and 1 <= site.block <= site.blocks)
    weights = {f"{path}.weight" for path, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    assert {site.name for site in found if site.place == "weight"} == weights
    assert list(model.state_dict()) == list(built(name).state_dict())


def one_of_each():
    """One option of every class."""
    return {option(name)[1]["_target_"]: name for name in reversed(OPTIONS)}.values()


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("name", one_of_each())
def test_every_norm_applies_or_says_why_not(name, kind):
    changes = {"groups": 1} if kind in ("group", "weight_standardization") else {}
    try:
        model = build(name, cut(name), norm=norm(kind, **changes))
    except ValueError as error:
        assert any(isinstance(module, nn.Linear) for path, module in built(name).named_modules() if "layer" in path)
        assert "\n" not in str(error)
        if name == "lstm" and kind in ("switchable", "rms", "dyt"):
            assert "has no form in a cell" in str(error)
        else:
            assert kind in ("instance", "filter_response") and "hidden linear layer" in str(error)
    else:
        assert model(images(name)).shape == (2, 11, *map_size(name))


@pytest.mark.parametrize("name", OPTIONS)
def test_branch_layers_are_a_block_s_layers_in_their_order(name):
    for path, module in built(name).named_modules():
        layers = getattr(module, "branch_layers", None)
        if layers is not None:
            found = [each for each, _ in module.named_modules() if each in layers]
            assert len(layers) > 1 and found == list(layers), path
            assert all(isinstance(module.get_submodule(layer), nn.Conv2d | nn.Linear) for layer in layers), path
