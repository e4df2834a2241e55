from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.group import group

CONV = partial(nn.Conv2d, 3, 6, 3)


def test_each_group_of_channels_of_an_example_is_normalized_alone():
    _, norm = group(CONV, 6, groups=3, eps=1e-3, affine=True)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    out = norm(x)
    for example in range(4):
        for first in (0, 2, 4):
            cells = x[example, first : first + 2]
            expected = (cells - cells.mean()) / torch.sqrt(cells.var(correction=0) + 1e-3)
            for offset in (0, 1):
                channel = first + offset
                wanted = expected[offset] * norm.weight[channel] + norm.bias[channel]
                assert torch.allclose(out[example, channel], wanted, atol=1e-5)
    assert torch.equal(norm.eval()(x), out)


@pytest.mark.parametrize("affine", [True, False])
def test_the_layer_has_a_bias_exactly_when_the_norm_is_not_affine(affine):
    layer, norm = group(CONV, 6, groups=3, eps=1e-5, affine=affine)
    assert (layer.bias is None) == affine == (norm.weight is not None)


@pytest.mark.parametrize("groups", [4, 0, -1, 1.5, True, "abc"])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(ValueError, match=rf"norm\.groups must divide .*; {groups!r} does not divide 6"):
        group(CONV, 6, groups=groups, eps=1e-5, affine=True)


@pytest.mark.parametrize("changes", [{"eps": -1.0}, {"affine": 1}])
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        group(CONV, 6, **{"groups": 3, "eps": 1e-5, "affine": True, **changes})
