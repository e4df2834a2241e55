"""What every norm must keep, whichever file it is in: run over each YAML of the axis."""

import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dropgrid.instantiate import instantiate

FOLDER = Path(__file__).parents[2] / "conf" / "norm"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
CONV = partial(nn.Conv2d, 3, 16, 3, padding=1)


def option(name, **changes):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return instantiate("norm", {**node, **changes}), node


def variants():
    """Each option, and the same without gain and shift where it has them."""
    return [(name, {}) for name in OPTIONS] + [(n, {"affine": False}) for n in OPTIONS if "affine" in option(n)[1]]


def test_there_are_options():
    assert {"batch", "group", "none"} <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    norm, node = option(name)
    signature = inspect.signature(norm.func)
    assert {k for k in node if not k.startswith("_")} == set(signature.parameters) - {"layer", "features"}
    assert all(p.default is inspect.Parameter.empty for p in signature.parameters.values()), "defaults live in the YAML"


@pytest.mark.parametrize(("name", "changes"), variants())
def test_the_layer_has_a_bias_exactly_when_no_affine_norm_follows(name, changes):
    layer, norm = option(name, **changes)[0](CONV, 16)
    shifts = getattr(norm, "bias", None) is not None
    assert (layer.bias is None) == shifts
    assert not (shifts and changes)


@pytest.mark.parametrize(("name", "changes"), variants())
def test_shape_is_kept_and_gradient_flows(name, changes):
    layer, norm = option(name, **changes)[0](CONV, 16)
    images = torch.randn(4, 3, 6, 5)
    features = norm(layer(images))
    assert features.shape == (4, 16, 6, 5) and features.dtype == torch.float32
    (features * torch.randn_like(features)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in (*layer.parameters(), *norm.parameters()))
    assert norm.eval()(layer(images)).shape == (4, 16, 6, 5)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_builds_on_the_meta_device_anew_each_time(name):
    build = option(name)[0]
    with torch.device("meta"):
        (first, norm), (second, other) = build(CONV, 16), build(CONV, 16)
    assert first is not second and norm is not other
    assert all(p.is_meta for p in (*first.parameters(), *norm.parameters()))
