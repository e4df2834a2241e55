"""What every initialization must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid import streams
from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "init"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ACTIVATIONS = sorted((FOLDER.parent / "activation").glob("*.yaml"))
INJECTED = {"model", "generator", "activation", "batch"}


def option(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("init", node), node


def network():
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), nn.GroupNorm(2, 8)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def initialised(name, model, seed=0, activation=nn.ReLU):
    option(name)[0](model, generator=partial(streams.generator, seed, "init"), activation=activation)
    return model


def test_there_are_options():
    assert {"kaiming", "xavier"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    init, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    parameters = inspect.signature(init.func).parameters
    assert given == set(parameters) - INJECTED and set(parameters) >= INJECTED
    assert all(parameters[k].default is inspect.Parameter.empty for k in given), "defaults live in the YAML"
    assert parameters["batch"].default is None


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("path", ACTIVATIONS, ids=lambda path: path.stem)
def test_weights_are_finite_whatever_the_activation(name, path):
    activation = instantiate("activation", yaml.safe_load(path.read_text()))
    model = initialised(name, network(), activation=activation)
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize("name", OPTIONS)
def test_weights_are_a_function_of_the_seed_and_draw_nothing_shared(name):
    first = initialised(name, network())
    other, before = network(), torch.get_rng_state()
    second = initialised(name, other)
    assert torch.equal(torch.get_rng_state(), before)
    for parameter, again in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, again)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_further_layer_in_front_of_the_classifier_changes_no_other(name):
    plain, longer = network(), network()
    longer.insert(5, nn.Conv2d(8, 8, 1))
    initialised(name, plain), initialised(name, longer)
    for key in ("0.weight", "3.weight"):
        assert torch.equal(plain.get_parameter(key), longer.get_parameter(key))


@pytest.mark.parametrize("name", OPTIONS)
def test_norms_are_left_alone_and_biases_are_0(name):
    model = network()
    nn.init.uniform_(model[1].weight)
    kept = model[1].weight.clone()
    initialised(name, model)
    assert torch.equal(model[1].weight, kept) and (model[4].weight == 1).all()
    assert (model[0].bias == 0).all() and (model[7].bias == 0).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_it_runs_on_the_meta_device(name):
    with torch.device("meta"):
        initialised(name, network(), activation=nn.PReLU)
