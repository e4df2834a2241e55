from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.group import group
from dropgrid.norms.layer import layer as layer_norm

CONV = partial(nn.Conv2d, 3, 6, 3)
LINEAR = partial(nn.Linear, 3, 6)


@pytest.mark.parametrize(("layer", "shape"), [(CONV, (4, 6, 5, 7)), (LINEAR, (4, 6))])
def test_all_of_an_example_is_normalized_together(layer, shape):
    _, norm = layer_norm(layer, 6, eps=1e-3, affine=True)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(shape) * 3 + 2
    channels = (6, *[1] * (len(shape) - 2))
    for example, out in zip(x, norm(x), strict=True):
        expected = (example - example.mean()) / torch.sqrt(example.var(correction=0) + 1e-3)
        expected = expected * norm.weight.view(channels) + norm.bias.view(channels)
        assert torch.allclose(out, expected, atol=1e-5)
    assert torch.equal(norm.eval()(x), norm.train()(x))


def test_after_a_linear_layer_it_is_torchs_layer_norm():
    _, norm = layer_norm(LINEAR, 6, eps=1e-5, affine=True)
    x = torch.randn(8, 6)
    assert torch.allclose(norm(x), nn.LayerNorm(6)(x), atol=1e-6)


def test_group_norm_with_one_group_is_layer_norm():
    x = torch.randn(4, 6, 5, 7)
    one, other = group(CONV, 6, groups=1, eps=1e-5, affine=True)[1], layer_norm(CONV, 6, eps=1e-5, affine=True)[1]
    assert torch.equal(one(x), other(x))


@pytest.mark.parametrize("changes", [{"eps": -1.0}, {"affine": 1}])
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        layer_norm(CONV, 6, **{"eps": 1e-5, "affine": True, **changes})
