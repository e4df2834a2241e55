import pytest
import torch
from torch import nn

from dropgrid.regularizers.drop_path import DropPath, JoinDropPath, drop_path
from dropgrid.sites import Site

DEFAULTS = {
    "keep_prob": 0.8,
    "depth": "linear",
    "mode": "local",
    "groups": None,
    "schedule": "constant",
    "inference": False,
}


def branch(block, blocks=5):
    return Site(f"layer1.{block - 1}.branch", "branch", 1, 1, block, blocks)


def test_all_or_nothing_per_example():
    out = DropPath(0.2)(torch.ones(5000, 3, 2, 2))
    means = out.mean((1, 2, 3))
    assert means.unique().tolist() == pytest.approx([0.0, 1.25])
    assert abs(float((means == 0).float().mean()) - 0.2) < 5 * (0.16 / 5000) ** 0.5


def test_stochastic_depth_grows_linearly_over_depth():
    rates = [drop_path(branch(block), **DEFAULTS).full_level for block in range(1, 6)]
    assert rates == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.20])
    constant = [drop_path(branch(block), **{**DEFAULTS, "depth": "constant"}).full_level for block in range(1, 6)]
    assert constant == pytest.approx([0.2] * 5)


def test_only_branches_so_that_a_join_never_loses_all_inputs():
    for place in ("conv", "hidden", "skip", "head", "input"):
        assert isinstance(drop_path(Site(place, place, 1, 1, 1, 1), **DEFAULTS), nn.Identity)


def test_an_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="must be linear or constant, got 'cosine'"):
        drop_path(branch(1), **{**DEFAULTS, "depth": "cosine"})


def join(paths=3, columns=3, name="join4"):
    return Site(name, "join", 1, 1, 1, 1, paths=paths, columns=columns)


def kept(module, examples=4000):
    """Which paths of a join are kept, and that what they average to is the mean of those kept."""
    x = torch.rand(module.paths, examples, 2) + 0.5
    out = module(x)
    mask = (out != 0).all(2)
    assert torch.allclose(out.mean(0), (x * mask[:, :, None]).sum(0) / mask.sum(0)[:, None], rtol=1e-5)
    return mask


def test_local_joins_never_lose_all_paths_and_drop_what_the_closed_form_says():
    module = drop_path(join(), **{**DEFAULTS, "keep_prob": 0.3})
    assert isinstance(module, JoinDropPath)
    mask = kept(module)
    assert mask.any(0).all()
    wanted = 0.7 - 0.7**3 / 3
    assert abs((~mask).float().mean() - wanted) < 5 * (0.21 / 4000) ** 0.5
    alone = mask[:, mask.sum(0) == 1].float().mean(1)
    assert (alone - 1 / 3).abs().max() < 0.04


def test_a_join_s_shape_is_that_of_all_its_paths():
    """Of one example, so that larger joins weigh more in a dose."""
    module = drop_path(join(), **DEFAULTS)
    assert module.shape(torch.zeros(3, 5, 16, 7, 7)) == (3, 16, 7, 7)


def test_global_keeps_one_column_for_an_example_at_all_joins():
    joins = [drop_path(join(paths, 3, name), **{**DEFAULTS, "mode": "global"}) for paths, name in ((2, "a"), (3, "b"))]
    assert joins[0].stream == joins[1].stream
    for each in joins:
        each.advance(0.2, 11)
    two, three = (kept(each) for each in joins)
    assert (three.sum(0) == 1).all() and (three.float().mean(1) - 1 / 3).abs().max() < 0.04
    # where the first column is kept, a join of the other two is not on the path
    assert torch.equal(two, torch.where(three[0], True, three[1:]))


def test_mixed_is_the_one_or_the_other_for_a_whole_batch():
    module = drop_path(join(), **{**DEFAULTS, "mode": "mixed", "keep_prob": 0.5})
    singles = []
    for key in range(60):
        module.advance(0.5, key)
        singles.append(bool((kept(module, 200).sum(0) == 1).all()))
    assert 15 < sum(singles) < 45


@pytest.mark.parametrize("mode", ["global", "mixed"])
def test_a_residual_branch_is_local(mode):
    with pytest.raises(ValueError, match=f"regularizer.mode={mode} needs joins"):
        drop_path(branch(1), **{**DEFAULTS, "mode": mode})
