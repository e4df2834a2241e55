"""U-Net: against a plain reference, its published size, its sites."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.sites import drops


@pytest.fixture
def net(build):
    return build("unet", levels=3, classes=5, shape=(3, 40, 36)).eval()


def test_it_is_a_u_of_double_convolutions(net):
    """Written out, no code shared."""

    def double(level, x):
        x = torch.relu(level.norm1(level.conv1(x)))
        return torch.relu(level.norm2(level.conv2(x)))

    def up(x, like):
        return interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)

    images = torch.randn(2, 3, 40, 36)
    e1 = double(net.encoder1, images)
    e2 = double(net.encoder2, max_pool2d(e1, 2))
    e3 = double(net.encoder3, max_pool2d(e2, 2))
    d2 = double(net.decoder2, torch.cat([e2, up(e3, e2)], 1))
    d1 = double(net.decoder1, torch.cat([e1, up(d2, e1)], 1))
    assert torch.equal(net(images), net.classifier(d1))
    assert net(images).shape == (2, 5, 40, 36)


def test_convolutions_are_those_of_the_paper(build):
    """Figure 1: 64 to 1,024 channels; 31.0 million parameters with 2×2 transposed convolutions and biases, which halve
    the channels before each join; here the joins are wider and there is a norm."""
    net = build("unet", base_width=64, levels=5, classes=2, shape=(1, 64, 64))
    channels = [(m.in_channels, m.out_channels) for m in net.modules() if isinstance(m, nn.Conv2d)]
    down = [(1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    assert channels[:10] == [*down, (512, 1024), (1024, 1024)]
    assert [out for _, out in channels[10:]] == [512, 512, 256, 256, 128, 128, 64, 64, 2]
    convs = sum(9 * a * b for a, b in channels[:-1]) + 2 * 64
    assert sum(m.weight.numel() for m in net.modules() if isinstance(m, nn.Conv2d)) == convs


@pytest.mark.parametrize(
    ("part", "groups", "skip", "wanted"),
    [
        ("encoder", [-1], False, {"encoder3.conv1", "encoder3.conv2"}),
        ("encoder", [1], True, {"encoder1.conv1", "encoder1.conv2", "skip1"}),
        ("decoder", None, False, {f"decoder{g}.conv{n}" for g in (1, 2) for n in (1, 2)}),
        ("head", None, False, {"head"}),
    ],
)
def test_dropblock_acts_on_the_part_that_is_asked_for(build, option, part, groups, skip, wanted):
    acting = option("regularizer", "dropblock", part=part, groups=groups, skip=skip)
    net = build("unet", levels=3, classes=5, shape=(3, 40, 36), sites=[acting])
    found = {site.name: site for site in sites_of(build) if site.name in wanted}
    assert len(found) == len(wanted) and len(drops(net)) == len(wanted)
    assert all(isinstance(each, DropBlock2d) for each in drops(net).values())


def sites_of(build):
    """The sites of the network of these tests."""
    found = []

    def note(site):
        found.append(site)
        return nn.Identity()

    build("unet", levels=3, classes=5, shape=(3, 40, 36), sites=[note])
    return found


def test_every_weight_is_trained(build):
    net = build("unet", levels=3, classes=5, shape=(3, 40, 36))
    nn.CrossEntropyLoss()(net(torch.randn(2, 3, 40, 36)), torch.randint(5, (2, 40, 36))).backward()
    assert all(each.grad is not None and each.grad.any() for each in net.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"levels": 1}, "model.levels"), ({"levels": 7}, "needs images of 64 pixels, got 36"), ({"width": 0}, "width")],
)
def test_what_is_out_of_range_is_refused(build, changes, message):
    with pytest.raises(ValueError, match=message):
        build("unet", classes=5, shape=(3, 40, 36), **changes)
