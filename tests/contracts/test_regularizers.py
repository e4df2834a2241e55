"""What every regularizer must keep, whichever file it is in: run over each YAML of the axis."""

import copy
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional as F

from dropgrid.instantiate import instantiate
from dropgrid.sites import PLACES, AbstractDropProb, AbstractNoise, AbstractRandom, Site

FOLDER = Path(__file__).parents[2] / "conf" / "regularizer"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FEATURES = [place for place in PLACES if place != "weight"]
PATHS = 4


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("regularizer", {**node, **changes}), node


def site(place):
    inside = place not in ("input", "head")
    group, block = (3, 6) if inside else (None, None)
    paths = PATHS if place == "join" else 0
    return Site(f"layer3.1.{place}", place, group, 3, block, 6, place in ("hidden", "weight"), paths, paths)


def modules(name, places=FEATURES, **changes):
    """What the option puts at each place of the last group that it acts on."""
    build, _ = option(name, **changes)
    found = [build(site(place)) for place in places]
    return [module for module in found if not isinstance(module, nn.Identity)]


def of_weights(name, **changes):
    """What it puts at the weight of a linear layer."""
    return modules(name, ["weight"], **changes)


def layer(seed=0):
    """Input (N, in), weight, bias of a linear layer, and the layer."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((16, 12), (9, 12), (9,))
    return (*(torch.randn(shape, generator=generator).requires_grad_() for shape in shapes), F.linear)


SCALED_IN_EVAL = ["shakedrop"]
"""In eval mode these multiply by the mean factor of training, as their papers do; the others scale in training."""

WITH_KEEP_PROB = [name for name in OPTIONS if "keep_prob" in option(name)[1]]


def test_there_are_options():
    wanted = {"none", "dropout", "spatial_dropout", "drop_path", "dropblock", "drop_connect"}
    assert wanted | {"activation_noise", "weight_noise"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    build, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    signature = inspect.signature(build.func)
    assert given == set(signature.parameters) - {"site"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "none"])
def test_it_acts_somewhere(name):
    assert modules(name, PLACES)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_shape_dtype_and_memory_format_are_kept(name, dtype):
    x = torch.rand(PATHS, 8, 7, 9).to(dtype)
    for module in modules(name):
        out = module(x)
        assert out.shape == x.shape and out.dtype == dtype and out.is_contiguous()
        last = module(x.contiguous(memory_format=torch.channels_last))
        assert last.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in SCALED_IN_EVAL])
def test_identity_in_eval(name):
    x = torch.rand(PATHS, 8, 7, 9)
    for module in modules(name):
        assert torch.equal(module.eval()(x), x)
    for module in of_weights(name):
        assert torch.equal(module.eval()(*layer()), F.linear(*layer()[:3]))


@pytest.mark.parametrize("name", WITH_KEEP_PROB)
def test_identity_at_keep_prob_1_bit_for_bit(name):
    x = torch.randn(PATHS, 8, 7, 9)
    for module in modules(name, keep_prob=1):
        assert torch.equal(module(x), x)
    for module in of_weights(name, keep_prob=1):
        assert torch.equal(module(*layer()), F.linear(*layer()[:3]))


@pytest.mark.parametrize("name", WITH_KEEP_PROB)
@pytest.mark.parametrize("keep_prob", [0, -1, 1.5, "abc", float("nan")])
def test_keep_prob_outside_its_range_is_refused(name, keep_prob):
    build, _ = option(name, keep_prob=keep_prob)
    with pytest.raises(ValueError, match="keep_prob"):
        for place in PLACES:
            build(site(place))


@pytest.mark.parametrize("name", [name for name in OPTIONS if "std" in option(name)[1]])
@pytest.mark.parametrize("std", [-1, "abc", float("nan"), None])
def test_a_standard_deviation_below_0_is_refused(name, std):
    build, _ = option(name, std=std)
    with pytest.raises(ValueError, match="std must be a number, 0 or more"):
        for place in PLACES:
            build(site(place))


@pytest.mark.parametrize("name", OPTIONS)
def test_the_mean_of_training_is_that_of_eval(name):
    for module in modules(name):
        still = copy.deepcopy(module).eval()
        changes = torch.stack([module(x).mean() - still(x).mean() for x in torch.rand(300, PATHS, 8, 7, 9)])
        assert abs(changes.mean()) <= 5 * changes.std() / 300**0.5
    for module in of_weights(name):
        x, weight, bias, linear = layer()
        changes = torch.stack([module(x, weight, bias, linear) - linear(x, weight, bias) for _ in range(400)]).detach()
        assert (changes.mean(0).abs() <= 6 * changes.std(0) / 400**0.5 + 1e-6).all()


@pytest.mark.parametrize("name", OPTIONS)
def test_gradient_flows(name):
    for module in modules(name):
        x = torch.rand(PATHS, 16, 7, 9, requires_grad=True)
        module(x).sum().backward()
        assert torch.isfinite(x.grad).all() and (x.grad != 0).any()
    for module in of_weights(name):
        inputs = layer()
        module(*inputs).square().sum().backward()
        assert all(torch.isfinite(each.grad).all() and (each.grad != 0).any() for each in inputs[:3])


@pytest.mark.parametrize("name", OPTIONS)
def test_state_dict_is_empty_and_repr_shows_the_level(name):
    for module in modules(name, PLACES):
        assert module.state_dict() == {}
        assert not isinstance(module, AbstractDropProb) or f"drop_prob={module.full_level:g}" in repr(module)
        assert not isinstance(module, AbstractNoise) or f"std={module.full_level:g}" in repr(module)


def counted(module, draws, level):
    """Counted and expected fraction, and how far apart they may be by chance, after so many draws."""
    realised = float(module.dropped / module.seen)
    shape = module.example
    expected = float(module.expected(shape, np.array([level]))[0])
    return realised, expected, 5 * float(module.variance(shape, np.array([level]))[0] / draws) ** 0.5


@pytest.mark.parametrize("name", OPTIONS)
def test_realised_fraction_is_the_expected_one(name):
    for place in PLACES:
        for module in modules(name, [place]):
            assert isinstance(module, AbstractRandom) and module.full_level > 0
            inputs = (
                layer()
                if place == "weight"
                else (torch.ones(PATHS, 32, 7, 9) if place == "join" else torch.ones(32, 8, 7, 9),)
            )
            module.example = module.shape(*inputs)  # type: ignore[assignment]  # an attribute of the test's own
            for _ in range(50):
                module(*inputs)
            if module.counts:
                examples = {"weight": 16}.get(place, 32)
                realised, expected, error = counted(module, 50 * module.draws(examples), module.full_level)
                assert abs(realised - expected) <= error
