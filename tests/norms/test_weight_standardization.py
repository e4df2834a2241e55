from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.models.layers import Conv2d, Linear
from dropgrid.norms.weight_standardization import weight_standardization

LAYERS = [(partial(Conv2d, 3, 8, 3), (4, 3, 5, 5)), (partial(Linear, 3, 8), (4, 3))]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_the_layer_computes_with_weights_of_mean_0_and_variance_1_in_each_unit(make, shape):
    layer, norm = weight_standardization(make, 8, groups=2, eps=1e-8, affine=True)
    kept = torch.randn_like(layer.weight) * 3 + 2
    layer.weight = kept
    rows, raw = layer.weight.flatten(1), kept.flatten(1)
    assert torch.allclose(rows.mean(1), torch.zeros(8), atol=1e-6)
    assert torch.allclose(rows.var(1, correction=0), torch.ones(8), atol=1e-5)
    for one, other in zip(rows, raw, strict=True):
        assert torch.allclose(one, (other - other.mean()) / other.std(correction=0), atol=1e-5)
    call = nn.functional.linear if isinstance(layer, nn.Linear) else nn.functional.conv2d
    x = torch.randn(shape)
    assert torch.allclose(layer(x), call(x, layer.weight), atol=1e-5)
    assert isinstance(norm, nn.GroupNorm) and norm.num_groups == 2 and layer.bias is None


def test_neither_scale_nor_mean_of_the_kept_weights_matters_and_none_is_in_their_gradient():
    layer, _ = weight_standardization(partial(Linear, 5, 8), 8, groups=1, eps=1e-12, affine=True)
    kept = layer.parametrizations.weight.original
    x = torch.randn(4, 5)
    before = layer(x)
    before.sum().backward()
    assert torch.allclose(kept.grad.sum(1), torch.zeros(8), atol=1e-5)
    assert torch.allclose((kept.grad * kept).sum(1), torch.zeros(8), atol=1e-4)
    with torch.no_grad():
        kept.mul_(7).add_(3)
    assert torch.allclose(layer(x), before, atol=1e-4)


def test_its_errors_are_those_of_group_norm():
    with pytest.raises(ValueError, match=r"norm\.groups must divide .*; 3 does not divide 8"):
        weight_standardization(partial(Linear, 5, 8), 8, groups=3, eps=1e-5, affine=True)
