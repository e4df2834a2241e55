from functools import partial

import torch
from torch import nn

from dropgrid.norms.none import none


def test_the_layer_keeps_its_bias_and_nothing_follows():
    layer, norm = none(partial(nn.Conv2d, 3, 6, 3), 6)
    x = torch.randn(2, 6, 4, 4)
    assert layer.bias is not None and layer.bias.shape == (6,)
    assert norm(x) is x and norm.state_dict() == {}
