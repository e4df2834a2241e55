import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropgrid.models.layers import Linear
from dropgrid.regularizers.drop_connect import Average, DropConnect, drop_connect
from dropgrid.sites import Site

HIDDEN = Site("layer1.linear.weight", "weight", 1, 2, 1, 2, True)
HEAD = Site("fc.weight", "weight", linear=True)
GIVEN = {
    "keep_prob": 0.5,
    "mask": "batch",
    "place": "linear",
    "schedule": "constant",
    "inference": "mean",
    "samples": 8,
}


def dropping(per_example, **changes):
    layer = Linear(6, 5)
    layer.through = DropConnect(0.4, per_example=per_example, **changes)
    layer.through.advance(0.4, 3)
    return layer


@pytest.mark.parametrize("per_example", [False, True])
def test_the_gradient_goes_through_the_same_mask_as_the_output(per_example):
    """The mask is read off the outputs of unit vectors; the gradient of each weight is that mask times its input."""
    layer = dropping(per_example)
    eye = torch.eye(6)
    if per_example:
        # the mask of example n: its own weights, seen one at a time
        rows = []
        for n in range(4):
            columns = []
            for j in range(6):
                x = torch.zeros(4, 6)
                x[n, j] = 1
                zero = torch.zeros(4, 6)
                columns.append((layer(x) - layer(zero))[n])
            rows.append(torch.stack(columns, 1))
        masks = torch.stack(rows).detach() / layer.weight.detach()
    else:
        masks = ((layer(eye) - layer(torch.zeros(6, 6))).T / layer.weight).detach()[None].expand(4, -1, -1)
    assert ((masks.abs() < 1e-4) | ((masks - 1 / 0.6).abs() < 1e-3)).all() and 0.2 < (
        masks.abs() < 1e-4
    ).float().mean() < 0.6
    x, upstream = torch.randn(4, 6), torch.randn(4, 5)
    layer.zero_grad()
    (layer(x) * upstream).sum().backward()
    wanted = torch.einsum("no,ni,noi->oi", upstream, x, masks)
    assert torch.allclose(layer.weight.grad, wanted, atol=1e-3)
    assert (len(masks.unique(dim=0)) > 1) == per_example


def test_biases_are_dropped_too():
    layer = dropping(per_example=True)
    shown = layer(torch.zeros(200, 6)) / layer.bias
    dropped = shown.abs() < 1e-4
    assert 0.3 < dropped.float().mean() < 0.5
    assert torch.allclose(shown[~dropped], torch.tensor(1 / 0.6), atol=1e-4)


def test_the_gaussian_approximation_has_the_moments_of_masks():
    layer = dropping(per_example=True, inference="gaussian", samples=4000)
    x = torch.randn(3, 6)
    with torch.no_grad():
        masked = layer(x.repeat(4000, 1)).view(4000, 3, 5)
        drawn = layer.eval()(x).view(4000, 3, 5)
    assert torch.allclose(drawn.mean(0), F.linear(x, layer.weight, layer.bias), atol=0.15)
    assert torch.allclose(masked.mean(0), drawn.mean(0), atol=0.2)
    assert torch.allclose(masked.std(0), drawn.std(0), rtol=0.1)


def test_masks_at_inference_in_the_place_of_samples_are_one_that_the_average_leaves():
    """Monte-Carlo inference switches `inference` on whatever the cell's own was."""
    layer, x = dropping(per_example=False, inference="gaussian", samples=3), torch.randn(4, 6)
    wanted = layer(x)
    layer.through.inference = True
    assert torch.allclose(Average(3).eval()(layer.eval()(x)), wanted, atol=1e-6)


def test_gaussian_inference_averages_after_the_activation_and_leaves_the_classifier():
    given = {**GIVEN, "inference": "gaussian"}
    features = Site("layer1", "hidden", 1, 2, 1, 2, True)
    layer, mean = drop_connect(HIDDEN, **given), drop_connect(features, **given)
    assert isinstance(layer, DropConnect) and layer.samples == 8 and isinstance(mean, Average)
    assert isinstance(drop_connect(features, **GIVEN), nn.Identity)
    assert drop_connect(HEAD, **given).samples == 0
    x = torch.arange(12.0).view(6, 2)
    assert torch.equal(Average(3).eval()(x), x.view(3, 2, 2).mean(0)) and torch.equal(Average(3)(x), x)


@pytest.mark.parametrize(
    ("place", "acting"), [("linear", [True, True]), ("hidden", [True, False]), ("head", [False, True])]
)
def test_places(place, acting):
    found = [drop_connect(site, **{**GIVEN, "place": place}) for site in (HIDDEN, HEAD)]
    assert [isinstance(each, DropConnect) for each in found] == acting
    conv = Site("conv1.weight", "weight", 1, 2, 1, 2)
    assert isinstance(drop_connect(conv, **{**GIVEN, "place": place}), nn.Identity)


@pytest.mark.parametrize(("key", "value"), [("mask", "all"), ("place", "conv"), ("inference", True), ("samples", 0)])
def test_what_is_not_allowed_is_named(key, value):
    with pytest.raises(ValueError, match=rf"regularizer\.{key} must be .* got {value!r}"):
        drop_connect(HIDDEN, **{**GIVEN, key: value})
