"""AmoebaNet-B: its published sizes, a cell written out, its sites."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.sites import drops

SMALL = {"cells": 1, "width": 8, "stem": "small", "stem_width": 24}


def size(net):
    return sum(each.numel() for each in net.parameters()) / 1e6


@pytest.mark.parametrize(("cells", "width", "published"), [(6, 36, 2.8), (6, 80, 13.7), (6, 128, 34.9)])
def test_sizes_are_those_published_for_cifar(build, cells, width, published):
    """Table 1 of the paper, in millions."""
    with torch.device("meta"):
        net = build("amoebanet_b_cifar", cells=cells, width=width, stem_width=3 * width, classes=10, shape=(3, 32, 32))
    assert size(net) == pytest.approx(published, rel=0.012)


def test_sizes_are_those_published_for_imagenet(build):
    """Table 2: 5.3 and 84.0 million. The latter has an auxiliary classifier on the second stack, which is pooled 5×5
    with stride 3: 1×1 to 128 channels, one convolution of all 6×6 cells to 768, a linear layer."""
    with torch.device("meta"):
        mobile = build("amoebanet_b", cells=3, width=62, classes=1000, shape=(3, 224, 224))
        large = build("amoebanet_b", classes=1000, shape=(3, 331, 331))
    assert size(mobile) == pytest.approx(5.3, rel=0.012)
    auxiliary = (4 * 2 * 190 * 128 + 128 * 6 * 6 * 768 + 768 * 1000) / 1e6
    assert size(large) + auxiliary == pytest.approx(84.0, rel=0.012)


def test_a_normal_cell_is_five_sums(build):
    """Written out from Fig. 2, no code shared."""
    net = build("amoebanet_b_cifar", **SMALL, classes=5, shape=(3, 16, 16)).eval()
    cell, features = net.cells[0], torch.randn(2, 24, 16, 16)

    def unit(each, x):
        x = torch.relu(x)
        if not isinstance(each.depthwise, nn.Identity):
            x = F.conv2d(x, each.depthwise.weight, padding=1, groups=x.shape[1])
        return each.norm(F.conv2d(x, each.conv.weight, each.conv.bias))

    def separable(each, x):
        return unit(each[1], unit(each[0], x))

    s0, s1 = unit(cell.enter, features), unit(cell.enter_before, features)
    s2 = unit(cell.left1, s1) + F.max_pool2d(s1, 3, 1, 1)
    s3 = s1 + separable(cell.right2, s0)
    s4 = unit(cell.left3, s1) + separable(cell.right3, s0)
    s5 = unit(cell.left4, s2) + s2
    averaged = F.avg_pool2d(s1, 3, 1, 1) * 9 / F.avg_pool2d(torch.ones_like(s1), 3, 1, 1) / 9
    s6 = averaged + unit(cell.right5, s5)
    assert torch.allclose(cell(features, features), torch.cat([s0, s3, s4, s6], 1), atol=1e-5)


@pytest.mark.parametrize("pixels", [(16, 16), (15, 17), (33, 32)])
@pytest.mark.parametrize("stem", ["small", "imagenet"])
def test_any_size_of_image(build, pixels, stem):
    net = build("amoebanet_b", **{**SMALL, "stem": stem}, classes=5, shape=(3, *pixels)).eval()
    maps = []
    for cell in net.cells:
        cell.register_forward_hook(lambda _, __, output: maps.append([*output.shape[2:]]))
    assert net(torch.randn(2, 3, *pixels)).shape == (2, 5)
    half = [[-(-a // 2), -(-b // 2)] for a, b in maps[:-1]]
    assert all(now in (before, smaller) for now, before, smaller in zip(maps[1:], maps[:-1], half, strict=True))


def test_a_halved_input_is_of_all_pixels_of_its_two_diagonals(build):
    net = build("amoebanet_b_cifar", **SMALL, classes=5, shape=(3, 16, 16)).eval()
    halving = net.cells[2].enter_before
    x = torch.randn(1, halving.even.in_channels, 6, 6).abs()
    made = torch.cat(
        [F.conv2d(x[:, :, ::2, ::2], halving.even.weight), F.conv2d(x[:, :, 1::2, 1::2], halving.odd.weight)], 1
    )
    assert torch.allclose(halving(x), halving.norm(made), atol=1e-6)


def test_sites_and_dropblock_in_the_last_stacks(build, option):
    sites = []

    def note(site):
        sites.append(site)
        return nn.Identity()

    build("amoebanet_b_cifar", **SMALL, classes=5, shape=(3, 16, 16), sites=[note])
    assert len({each.name for each in sites}) == len(sites)
    count = Counter(each.place for each in sites if each.place != "weight")
    # either cell has 8 in its steps and 2 where inputs enter, but for one input that has its F channels already
    assert count == {"conv": 5 * 10 - 1, "skip": 5 * 2, "branch": 5 * 8, "input": 1, "head": 1}
    assert {each.group for each in sites if each.place == "conv"} == {1, 2, 3}
    acting = option("regularizer", "dropblock", groups=[-2, -1], skip=True)
    net = build("amoebanet_b_cifar", **SMALL, classes=5, shape=(3, 16, 16), sites=[acting])
    found = drops(net)
    assert {name.split(".")[1] for name in found} == {"1", "2", "3", "4"}
    assert all(isinstance(each, DropBlock2d) for each in found.values())
    net.train()(torch.randn(4, 3, 16, 16)).sum().backward()


def test_what_is_out_of_range_is_refused(build):
    with pytest.raises(ValueError, match=r"model.width must be a whole number, 4 or more, got 2"):
        build("amoebanet_b", **{**SMALL, "width": 2}, classes=5, shape=(3, 16, 16))
    with pytest.raises(ValueError, match=r"model.stem must be .*got 'large'"):
        build("amoebanet_b", **{**SMALL, "stem": "large"}, classes=5, shape=(3, 16, 16))
