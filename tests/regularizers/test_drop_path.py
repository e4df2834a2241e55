import pytest
import torch
from torch import nn

from dropgrid.regularizers.drop_path import DropPath, drop_path
from dropgrid.sites import Site

DEFAULTS = {"keep_prob": 0.8, "depth": "linear", "groups": None, "schedule": "constant", "inference": False}


def branch(block, blocks=5):
    return Site(f"layer1.{block - 1}.branch", "branch", 1, 1, block, blocks)


def test_all_or_nothing_per_example():
    out = DropPath(0.2)(torch.ones(5000, 3, 2, 2))
    means = out.mean((1, 2, 3))
    assert means.unique().tolist() == pytest.approx([0.0, 1.25])
    assert abs(float((means == 0).float().mean()) - 0.2) < 5 * (0.16 / 5000) ** 0.5


def test_stochastic_depth_grows_linearly_over_depth():
    rates = [drop_path(branch(block), **DEFAULTS).target for block in range(1, 6)]
    assert rates == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.20])
    constant = [drop_path(branch(block), **{**DEFAULTS, "depth": "constant"}).target for block in range(1, 6)]
    assert constant == pytest.approx([0.2] * 5)


def test_only_branches_so_that_a_join_never_loses_all_inputs():
    for place in ("conv", "skip", "head", "input"):
        assert isinstance(drop_path(Site(place, place, 1, 1, 1, 1), **DEFAULTS), nn.Identity)


def test_an_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="must be linear or constant, got 'cosine'"):
        drop_path(branch(1), **{**DEFAULTS, "depth": "cosine"})
