from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.filter_response import filter_response

CONV = partial(nn.Conv2d, 3, 6, 3)


@pytest.mark.parametrize("threshold", [True, False])
def test_each_channel_of_an_example_is_divided_by_its_root_mean_square(threshold):
    layer, norm = filter_response(CONV, 6, eps=1e-3, threshold=threshold)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, -1, 1)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    out = norm(x)
    for example in range(4):
        for channel in range(6):
            cells = x[example, channel]
            expected = cells / torch.sqrt((cells**2).mean() + 1e-3) * norm.weight[channel] + norm.bias[channel]
            if threshold:
                expected = torch.maximum(expected, norm.tau[channel])
            assert torch.allclose(out[example, channel], expected, atol=1e-5)
    assert layer.bias is None and torch.equal(norm.eval()(x), out)


def test_at_the_start_the_threshold_is_a_relu():
    plain, thresholded = (filter_response(CONV, 6, eps=1e-6, threshold=each)[1] for each in (False, True))
    x = torch.randn(2, 6, 4, 4)
    assert torch.equal(thresholded(x), plain(x).relu())


def test_maps_of_one_cell_are_refused():
    _, norm = filter_response(CONV, 6, eps=1e-6, threshold=True)
    with pytest.raises(ValueError, match="larger images are needed: a map of 1×1 is left of 6 channels"):
        norm(torch.randn(2, 6, 1, 1))


@pytest.mark.parametrize("changes", [{"eps": -1.0}, {"threshold": 1}])
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        filter_response(CONV, 6, **{"eps": 1e-6, "threshold": True, **changes})
