from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.dyt import dyt


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5, 7)])
def test_it_is_its_formula_with_a_gain_and_a_shift_a_channel(shape):
    _, norm = dyt(partial(nn.Conv2d, 3, 6, 3), 6, alpha=0.5)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.2, 2)
    x = torch.randn(shape) * 3
    for channel in range(6):
        wanted = norm.weight[channel] * torch.tanh(norm.alpha * x[:, channel]) + norm.bias[channel]
        assert torch.allclose(norm(x)[:, channel], wanted, atol=1e-6)


def test_it_starts_at_alpha_with_one_number_a_layer_and_the_layer_has_no_bias():
    layer, norm = dyt(partial(nn.Linear, 3, 6), 6, alpha=0.8)
    assert layer.bias is None and norm.alpha.shape == (1,)
    x = torch.randn(4, 6)
    assert torch.allclose(norm(x), torch.tanh(0.8 * x))
    assert norm(1e6 * x).abs().max() <= 1, "bounded, whatever comes"


@pytest.mark.parametrize("alpha", ["x", None, True, float("nan")])
def test_a_bad_alpha_is_named(alpha):
    with pytest.raises(ValueError, match=r"norm\.alpha"):
        dyt(partial(nn.Linear, 3, 6), 6, alpha=alpha)
