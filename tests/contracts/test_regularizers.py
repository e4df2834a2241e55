"""What every regularizer must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate
from dropgrid.sites import PLACES, AbstractDrop, Site

FOLDER = Path(__file__).parents[2] / "conf" / "regularizer"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("regularizer", {**node, **changes}), node


def site(place):
    inside = place in ("conv", "skip", "branch", "weight")
    return Site(f"layer3.1.{place}", place, 3 if inside else None, 3, 6 if inside else None, 6)


def modules(name, **changes):
    """What the option puts at each place of the last group that it acts on; alone at its places if it has several."""
    build, _ = option(name, **changes)
    found = [build(site(place)) for place in PLACES]
    return [module for module in found if not isinstance(module, nn.Identity)]


def test_there_are_options():
    assert {"none", "dropout", "spatial_dropout", "drop_path", "dropblock"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    build, node = option(name)
    given = {k for k in node if not k.startswith("_")}
    signature = inspect.signature(build.func)
    assert given == set(signature.parameters) - {"site"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "none"])
def test_it_acts_somewhere(name):
    assert modules(name)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_shape_dtype_and_memory_format_are_kept(name, dtype):
    x = torch.rand(4, 8, 7, 9).to(dtype)
    for module in modules(name):
        out = module(x)
        assert out.shape == x.shape and out.dtype == dtype and out.is_contiguous()
        last = module(x.contiguous(memory_format=torch.channels_last))
        assert last.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", OPTIONS)
def test_identity_in_eval(name):
    x = torch.rand(4, 8, 7, 9)
    for module in modules(name):
        assert torch.equal(module.eval()(x), x)


@pytest.mark.parametrize("name", [name for name in OPTIONS if "keep_prob" in option(name)[1]])
def test_identity_at_keep_prob_1_bit_for_bit(name):
    x = torch.randn(4, 8, 7, 9)
    for module in modules(name, keep_prob=1):
        assert torch.equal(module(x), x)


@pytest.mark.parametrize("name", [name for name in OPTIONS if "keep_prob" in option(name)[1]])
@pytest.mark.parametrize("keep_prob", [0, -1, 1.5, "abc", float("nan")])
def test_keep_prob_outside_its_range_is_refused(name, keep_prob):
    build, _ = option(name, keep_prob=keep_prob)
    with pytest.raises(ValueError, match="keep_prob"):
        for place in PLACES:
            build(site(place))


@pytest.mark.parametrize("name", OPTIONS)
def test_mean_is_kept(name):
    for module in modules(name):
        changes = torch.stack([module(x).mean() - x.mean() for x in torch.rand(300, 4, 8, 7, 9)])
        assert abs(changes.mean()) <= 5 * changes.std() / 300**0.5


@pytest.mark.parametrize("name", OPTIONS)
def test_gradient_flows(name):
    for module in modules(name):
        x = torch.rand(16, 8, 7, 9, requires_grad=True)
        module(x).sum().backward()
        assert torch.isfinite(x.grad).all() and (x.grad != 0).any()


@pytest.mark.parametrize("name", OPTIONS)
def test_state_dict_is_empty_and_repr_shows_the_rate(name):
    for module in modules(name):
        assert module.state_dict() == {}
        assert not isinstance(module, AbstractDrop) or f"drop_prob={module.target:g}" in repr(module)


@pytest.mark.parametrize("name", OPTIONS)
def test_realised_fraction_is_the_expected_one(name):
    import numpy as np

    for module in modules(name):
        assert isinstance(module, AbstractDrop)
        for _ in range(50):
            module(torch.ones(32, 8, 7, 9))
        expected = float(module.expected((8, 7, 9), np.array([module.target]))[0])
        error = float(module.variance((8, 7, 9), np.array([module.target]))[0] / (32 * 50)) ** 0.5
        assert abs(float(module.dropped / module.seen) - expected) < 5 * error
        assert module.target > 0
