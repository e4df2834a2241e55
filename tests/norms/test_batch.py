from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.batch import batch

CONV = partial(nn.Conv2d, 3, 6, 3)


def test_training_uses_the_statistics_of_the_batch():
    _, norm = batch(CONV, 6, eps=1e-3, momentum=0.1, affine=True)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    for channel in range(6):
        cells = x[:, channel]
        expected = (cells - cells.mean()) / torch.sqrt(cells.var(correction=0) + 1e-3)
        expected = expected * norm.weight[channel] + norm.bias[channel]
        assert torch.allclose(norm(x)[:, channel], expected, atol=1e-5)


def test_momentum_is_the_weight_of_the_new_batch():
    _, norm = batch(CONV, 6, eps=1e-5, momentum=0.2, affine=True)
    x = torch.randn(4, 6, 5, 7) + 3
    norm(x)
    assert torch.allclose(norm.running_mean, 0.2 * x.mean((0, 2, 3)))
    assert torch.allclose(norm.running_var, 0.8 + 0.2 * x.var((0, 2, 3)))


@pytest.mark.parametrize("affine", [True, False])
def test_the_layer_has_a_bias_exactly_when_the_norm_is_not_affine(affine):
    layer, norm = batch(CONV, 6, eps=1e-5, momentum=0.1, affine=affine)
    assert (layer.bias is None) == affine == (norm.weight is not None)


def test_after_a_linear_layer_it_takes_vectors():
    layer, norm = batch(partial(nn.Linear, 3, 6), 6, eps=1e-5, momentum=0.1, affine=True)
    out = norm(layer(torch.randn(8, 3)))
    assert layer.bias is None
    assert torch.allclose(out.mean(0), torch.zeros(6), atol=1e-5)


@pytest.mark.parametrize(
    "changes", [{"eps": 0}, {"eps": "abc"}, {"momentum": 0}, {"momentum": 1.5}, {"momentum": "x"}, {"affine": "no"}]
)
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        batch(CONV, 6, **{"eps": 1e-5, "momentum": 0.1, "affine": True, **changes})
