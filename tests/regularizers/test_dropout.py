import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.regularizers.dropout import Dropout, dropout
from dropgrid.sites import Site

DEFAULTS = {"keep_prob": 0.8, "place": "conv", "groups": None, "skip": True, "schedule": "constant", "inference": False}


def test_units_are_independent_and_the_mean_is_kept():
    drop = Dropout(0.3)
    out = drop(torch.ones(2000, 20))
    assert out.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    zeros = (out == 0).float()
    assert abs(float(zeros.mean()) - 0.3) < 5 * (0.21 / 40_000) ** 0.5
    assert np.abs(np.corrcoef(zeros.numpy().T) - np.eye(20)).max() < 5 / 2000**0.5


def test_scaling_in_training_has_the_textbooks_expectation():
    """The textbook scales by keep at inference: E[training pass] = keep · x there, x here; equal up to that factor."""
    x = torch.rand(50)
    drop = Dropout(0.4)
    mean = torch.stack([drop(x) for _ in range(4000)]).mean(0)
    textbook = 0.6 * x
    assert torch.allclose(mean * 0.6, textbook, atol=5 * float(x.max()) * (0.24 / 4000) ** 0.5)


@pytest.mark.parametrize("place", ["input", "head"])
def test_at_input_or_head_alone(place):
    assert isinstance(dropout(Site(place, place), **{**DEFAULTS, "place": place}), Dropout)
    conv = Site("layer1.0.conv1", "conv", 1, 1, 1, 1)
    assert isinstance(dropout(conv, **{**DEFAULTS, "place": place}), nn.Identity)


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="must be layer, input, recurrent or head, got 'fc'"):
        dropout(Site("head", "head"), **{**DEFAULTS, "place": "fc"})
