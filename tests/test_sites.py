import pytest
import torch
from independence import KEYS, check_independent
from torch import nn

from dropgrid import streams
from dropgrid.regularizers.activation_noise import GaussianNoise
from dropgrid.regularizers.drop_path import DropPath
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.regularizers.dropout import Dropout
from dropgrid.regularizers.spatial_dropout import SpatialDropout
from dropgrid.sites import Site, drop_prob_of, drops, modules_at, resolve_group, shapes


def test_groups_count_from_either_end():
    assert [resolve_group(g, 3) for g in (1, 3, -1, -2)] == [1, 3, 3, 2]


@pytest.mark.parametrize("group", [0, 4, -4, 1.0, True, "1"])
def test_a_group_the_model_lacks_is_refused_with_those_it_has(group):
    with pytest.raises(ValueError, match=r"groups 1 to 3 \(from the end: -1 to -3\)"):
        resolve_group(group, 3)


def test_in_groups():
    site = Site("layer3.0.conv1", "conv", group=3, groups=3)
    assert site.in_groups([-1]) and site.in_groups([3]) and site.in_groups(None)
    assert not site.in_groups([1, 2]) and not site.in_groups([])
    assert not Site("head", "head").in_groups(None)


@pytest.mark.parametrize("keep_prob", [0, -0.1, 1.1, "abc", float("nan"), None, True, [0.9]])
def test_keep_prob_outside_its_range_is_refused(keep_prob):
    with pytest.raises(ValueError, match=r"keep_prob must be a number in \(0, 1\]"):
        drop_prob_of(keep_prob)


def test_stacked_options_keep_their_order_and_have_sites_of_their_own():
    site = Site("layer1.0.conv1", "conv", 1, 1, 1, 1)
    first, second = Dropout(0.1), Dropout(0.2)
    stack = modules_at([lambda _: first, lambda _: nn.Identity(), lambda _: second], site)
    assert list(stack) == [first, second]
    assert (first.site, second.site) == ("layer1.0.conv1", "layer1.0.conv1#3")
    assert isinstance(modules_at([], site), nn.Identity)
    assert modules_at([lambda _: first], site) is first


def test_a_dropping_module_adds_nothing_to_the_state_dict():
    assert Dropout(0.3).state_dict() == {}


def test_alone_it_draws_from_torchs_default_generator():
    drop, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(1)
    first, second = drop(x), drop(x)
    torch.manual_seed(1)
    assert torch.equal(drop(x), first) and not torch.equal(first, second)


def test_advanced_it_is_a_function_of_the_key():
    drop, x = Dropout(0.5), torch.ones(100)
    drop.advance(0.5, 7)
    first = drop(x)
    torch.manual_seed(3)
    assert torch.equal(drop(x), first)
    drop.advance(0.5, 8)
    assert not torch.equal(drop(x), first)


@pytest.mark.parametrize(
    ("module", "cells"),
    [
        (Dropout(0.3), lambda output: output[:, 0]),
        (SpatialDropout(0.3), lambda output: output[:, :, 0, 0]),
        (DropPath(0.3), lambda output: output.view(256, 16)),
        (GaussianNoise(0.3), lambda output: output[:, 0] - 1),
        (DropBlock2d(0.3, 3, per_channel=False), lambda output: output[:, 0]),
    ],
    ids=["dropout", "spatial_dropout", "drop_path", "gaussian_noise", "dropblock"],
)
def test_neighbouring_keys_give_independent_masks(module, cells):
    """Of noise, independent signs."""
    input = torch.ones(4096, 1) if isinstance(module, DropPath) else torch.ones(256, 16, 8, 8)
    masks = []
    for key in range(KEYS):
        module.advance(0.3, key)
        masks.append((cells(module(input)) > 0).flatten(1).numpy())
    check_independent(masks)


def test_a_hashed_key_is_taken_as_it_is():
    """The masks of trained cells depend on it."""
    drop, key = Dropout(0.5), streams.key(0, "regularizer", 0, 0, "a")
    drop.advance_hashed(0.5, key)
    assert int(drop.next_key()) == key
    drop.advance(0.5, key)
    assert int(drop.next_key()) not in (key, 0)


def test_schedule_is_a_function_of_progress():
    linear, constant = Dropout(0.4, schedule="linear"), Dropout(0.4)
    assert [linear.level_at(p) for p in (0, 0.5, 1)] == [0, 0.2, 0.4]
    assert [constant.level_at(p) for p in (0, 0.5, 1)] == [0.4, 0.4, 0.4]


def test_inference_is_the_identity_unless_it_is_asked_for():
    x = torch.ones(1000)
    assert Dropout(0.5).eval()(x) is x
    on = Dropout(0.5, inference=True).eval()
    assert (on(x) == 0).any()
    assert on.seen == 0  # the proof of the treatment counts training only


def test_shapes_are_found_without_computing():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), Dropout(0.1), nn.Flatten(), Dropout(0.1))
    assert shapes(net, (1, 9, 9)) == {"1": (4, 4, 4), "3": (64,)}
    assert all(drop.seen == 0 for drop in drops(net).values())
