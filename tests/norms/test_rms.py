from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.rms import rms


def test_it_is_torchs_over_the_channels_of_each_cell():
    layer, norm = rms(partial(nn.Conv2d, 3, 6, 3), 6, eps=1e-3)
    nn.init.uniform_(norm.weight)
    theirs = nn.RMSNorm(6, eps=1e-3)
    theirs.load_state_dict(norm.state_dict())
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    assert torch.allclose(norm(x), theirs(x.movedim(1, -1)).movedim(-1, 1), atol=1e-6)
    assert layer.bias is not None and torch.equal(norm.eval()(x), norm.train()(x))


def test_after_a_linear_layer_it_is_the_papers():
    _, norm = rms(partial(nn.Linear, 3, 6), 6, eps=1e-6)
    x = torch.randn(4, 6)
    assert torch.allclose(norm(x), x / x.square().mean(1, keepdim=True).sqrt(), atol=1e-5)
    assert torch.allclose(norm(7 * x), norm(x), atol=1e-5), "the scale of its input does not matter"
    assert not torch.allclose(norm(x + 1), norm(x), atol=1e-2), "its mean does"


def test_large_values_of_half_precision_do_not_overflow():
    _, norm = rms(partial(nn.Linear, 3, 6), 6, eps=1e-6)
    assert torch.equal(norm(torch.full((2, 6), 3e4, dtype=torch.float16)), torch.ones(2, 6, dtype=torch.float16))


@pytest.mark.parametrize("eps", [0, -1.0, "x", True])
def test_a_bad_eps_is_named(eps):
    with pytest.raises(ValueError, match=r"norm\.eps"):
        rms(partial(nn.Linear, 3, 6), 6, eps=eps)
