"""What every initialization must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from dropgrid import streams
from dropgrid.initializers.layers import zero_biases
from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "init"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ACTIVATIONS = sorted((FOLDER.parent / "activation").glob("*.yaml"))
INJECTED = {"model", "generator", "activation", "batch"}

REFUSED = {(init, activation) for init in ("critical", "delta_orthogonal") for activation in ("gelu", "swish")}
"""Without biases these have no critical point."""

NOTHING_DRAWN = {"zeros", "checkpoint"}
KEEPS_ZEROS = {"zeros", "fixup"}
"""Which a weight kept as length and direction cannot start from."""


class Block(nn.Module):
    """A residual block."""

    branch_layers = ("conv1", "conv2")

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))

    def forward(self, input):
        return input + self.conv2(self.conv1(input).relu())


def network(layer=lambda layer: layer):
    layers = [layer(nn.Conv2d(3, 8, 3)), nn.BatchNorm2d(8), nn.ReLU()]
    layers += [layer(nn.Conv2d(8, 8, 3, groups=2, bias=False)), nn.GroupNorm(2, 8), Block()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer(nn.Linear(8, 4)))


@pytest.fixture(scope="module")
def option(tmp_path_factory):
    """An option by name, with the file that one of them reads: this network's, of which the first norm is not taken."""
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    model = network()
    zero_biases(model)
    torch.save(model.state_dict(), path)
    given = {"checkpoint": {"path": str(path), "strict": False, "skip": ["1"]}}

    def option(name):
        node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
        return instantiate("init", {**node, **given.get(name, {})}), node

    return option


@pytest.fixture
def initialised(option):
    def initialised(name, model, seed=0, activation=nn.ReLU):
        batch = torch.randn(16, 3, 8, 8, generator=streams.generator(0, "images"), device="cpu")
        init, _ = option(name)
        init(model, generator=partial(streams.generator, seed, "init"), activation=activation, batch=batch)
        return model

    return initialised


def test_there_are_options():
    named = (
        "zeros sparse normal lecun xavier kaiming geometric orthogonal delta_orthogonal critical fixup lsuv checkpoint"
    )
    assert set(named.split()) <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(option, name):
    init, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    parameters = inspect.signature(init.func).parameters
    assert given == set(parameters) - INJECTED and set(parameters) >= INJECTED
    assert all(parameters[k].default is inspect.Parameter.empty for k in given), "defaults live in the YAML"
    assert parameters["batch"].default is None


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("path", ACTIVATIONS, ids=lambda path: path.stem)
def test_weights_are_finite_whatever_the_activation(initialised, name, path):
    activation = instantiate("activation", yaml.safe_load(path.read_text()))
    if (name, path.stem) in REFUSED:
        with pytest.raises(ValueError, match="has no critical point"):
            initialised(name, network(), activation=activation)
        return
    model = initialised(name, network(), activation=activation)
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize("name", OPTIONS)
def test_weights_are_a_function_of_the_seed_and_draw_nothing_shared(initialised, name):
    first = initialised(name, network())
    other, before = network(), torch.get_rng_state()
    second = initialised(name, other)
    assert torch.equal(torch.get_rng_state(), before)
    for parameter, again in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, again)
    changed = initialised(name, network(), seed=1)
    assert torch.equal(first[0].weight, changed[0].weight) == (name in NOTHING_DRAWN)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_further_layer_in_front_of_the_classifier_changes_no_other(initialised, name):
    plain, longer = network(), network()
    longer.insert(6, nn.Conv2d(8, 8, 1))
    initialised(name, plain), initialised(name, longer)
    for key in ("0.weight", "3.weight", "5.conv1.weight", "5.conv2.weight"):
        assert torch.equal(plain.get_parameter(key), longer.get_parameter(key))


@pytest.mark.parametrize("name", OPTIONS)
def test_norms_are_left_alone_and_biases_are_0(initialised, name):
    model = network()
    nn.init.uniform_(model[1].weight)
    kept, modes = model[1].weight.clone(), [module.training for module in model.modules()]
    initialised(name, model)
    assert torch.equal(model[1].weight, kept) and (model[4].weight == 1).all()
    assert (model[1].running_mean == 0).all() and model[1].num_batches_tracked == 0
    assert (model[0].bias == 0).all() and (model[8].bias == 0).all()
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"checkpoint"}))  # its names are the network's own
def test_a_weight_normalised_layer_has_the_same_weights(initialised, name):
    plain, parametrized = network(), network(weight_norm)
    initialised(name, plain)
    if name in KEEPS_ZEROS:
        with pytest.raises(ValueError, match="weight starts at 0 here, which weight normalization has no direction"):
            initialised(name, parametrized)
        return
    initialised(name, parametrized)
    for index in (0, 3, 8):
        assert torch.allclose(plain[index].weight, parametrized[index].weight, atol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_runs_on_the_meta_device(option, name):
    init, _ = option(name)
    generator = partial(streams.generator, 0, "init")
    with torch.device("meta"):
        for batch in (None, torch.zeros(2, 3, 8, 8)):
            init(network(), generator=generator, activation=nn.PReLU, batch=batch)
