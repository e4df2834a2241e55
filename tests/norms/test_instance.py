from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.group import group
from dropgrid.norms.instance import instance

CONV = partial(nn.Conv2d, 3, 6, 3)


def test_each_channel_of_an_example_is_normalized_alone():
    _, norm = instance(CONV, 6, eps=1e-3, affine=True)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    out = norm(x)
    for example in range(4):
        for channel in range(6):
            cells = x[example, channel]
            expected = (cells - cells.mean()) / torch.sqrt(cells.var(correction=0) + 1e-3)
            expected = expected * norm.weight[channel] + norm.bias[channel]
            assert torch.allclose(out[example, channel], expected, atol=1e-5)
    assert torch.equal(norm.eval()(x), out)


def test_group_norm_with_as_many_groups_as_channels_is_instance_norm():
    x = torch.randn(4, 6, 5, 7)
    one, other = group(CONV, 6, groups=6, eps=1e-5, affine=True)[1], instance(CONV, 6, eps=1e-5, affine=True)[1]
    assert torch.allclose(one(x), other(x), atol=1e-6)


def test_where_an_example_has_one_value_a_channel_it_says_so():
    with pytest.raises(ValueError, match=r"norm=instance .* a hidden linear layer has none; choose another norm"):
        instance(partial(nn.Linear, 3, 6), 6, eps=1e-5, affine=True)
    _, norm = instance(CONV, 6, eps=1e-5, affine=True)
    with pytest.raises(ValueError, match=r"norm=instance .* larger images .* 1×1 is left of 6 channels"):
        norm(torch.randn(4, 6, 1, 1))


@pytest.mark.parametrize("changes", [{"eps": -1.0}, {"affine": 1}])
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        instance(CONV, 6, **{"eps": 1e-5, "affine": True, **changes})
