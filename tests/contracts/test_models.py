"""What every model must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.norms.batch import batch
from dropgrid.sites import PLACES

FOLDER = Path(__file__).parents[2] / "conf" / "model"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
INJECTED = {"norm", "activation", "sites", "shape", "classes"}


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("model", node), node


def build(name, **changes):
    """The model on the meta device."""
    parts = {"norm": partial(batch, eps=1e-5, momentum=0.1, affine=True), "activation": nn.ReLU}
    with torch.device("meta"):
        return option(name)[0](shape=(3, *size(name)), classes=11, **parts | changes)


def size(name):
    """The size of images that the model is meant for."""
    return (224, 224) if option(name)[1].get("stem") == "imagenet" else (32, 32)


def images(name):
    return torch.zeros(2, 3, *size(name), device="meta")


def test_there_are_options():
    cifar, imagenet = ("14", "20", "32", "44", "56", "110"), ("18", "34", "50", "101", "152")
    assert {f"resnet{depth}" for depth in (*cifar, *imagenet)} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    model, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    parameters = inspect.signature(model.func).parameters
    assert given == set(parameters) - INJECTED and set(parameters) >= INJECTED
    assert all(parameters[k].default is inspect.Parameter.empty for k in given), "defaults live in the YAML"


@pytest.mark.parametrize("name", OPTIONS)
def test_it_builds_on_the_meta_device_and_gives_logits(name):
    model = build(name)
    assert all(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    assert model(images(name)).shape == (2, 11)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_parameter_is_used(name):
    model = build(name)
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
    assert list(model.state_dict()) == list(build(name).state_dict())
