import pytest
import torch
from torch import nn

from dropgrid.regularizers.spatial_dropout import SpatialDropout, spatial_dropout
from dropgrid.sites import Site

DEFAULTS = {"keep_prob": 0.8, "groups": [-1], "skip": False, "schedule": "constant", "inference": False}


def test_all_or_nothing_per_channel():
    out = SpatialDropout(0.25)(torch.ones(200, 32, 5, 6))
    means = out.mean((2, 3))
    assert means.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert abs(float((means == 0).float().mean()) - 0.25) < 5 * (0.1875 / 6400) ** 0.5


def test_channels_and_examples_are_dropped_independently():
    zeros = (SpatialDropout(0.5)(torch.ones(4000, 4, 2, 2))[:, :, 0, 0] == 0).double()
    correlation = torch.corrcoef(zeros.T) - torch.eye(4)
    assert correlation.abs().max() < 5 / 4000**0.5


def test_where_it_acts():
    last, first = Site("layer3.0.conv1", "conv", 3, 3, 3, 3), Site("layer1.0.conv1", "conv", 1, 3, 1, 3)
    skip = Site("layer3.0.skip", "skip", 3, 3, 3, 3)
    assert isinstance(spatial_dropout(last, **DEFAULTS), SpatialDropout)
    assert isinstance(spatial_dropout(first, **DEFAULTS), nn.Identity)
    assert isinstance(spatial_dropout(skip, **DEFAULTS), nn.Identity)
    assert isinstance(spatial_dropout(skip, **{**DEFAULTS, "skip": True}), SpatialDropout)


def test_of_a_sequence_whole_features_are_dropped_at_every_time():
    site = Site("embedding", "sequence", 1, 1, 1, 1)
    out = spatial_dropout(site, **DEFAULTS)(torch.ones(300, 7, 16))
    assert (out == out[:, :1]).all()
    dropped = (out[:, 0] == 0).double()
    assert abs(dropped.mean() - 0.2) < 5 * (0.16 / 4800) ** 0.5
    assert (torch.corrcoef(dropped.T) - torch.eye(16)).abs().max() < 5 / 300**0.5
