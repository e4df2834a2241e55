"""The feature pyramid: against a plain reference, its sites, its encoder."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from dropgrid.models.resnet import ResNet
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.sites import drops


@pytest.fixture
def net(build):
    return build("fpn_resnet14", classes=5, shape=(3, 48, 40)).eval()


def test_it_is_the_sum_of_a_pyramid_s_levels(net):
    """Level by level from the formula, no code shared."""
    images = torch.randn(2, 3, 48, 40)
    c1, c2, c3 = net.maps(images)
    up = lambda x, like: interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)  # noqa: E731
    p3 = net.lateral3(c3)
    p2 = net.lateral2(c2) + up(p3, c2)
    p1 = net.lateral1(c1) + up(p2, c1)
    levels = [torch.relu(each.norm(each.conv(p))) for each, p in zip(levels_of(net), (p1, p2, p3), strict=True)]
    wanted = up(net.classifier(sum(up(level, c1) for level in levels)), images)
    assert torch.allclose(net(images), wanted, atol=1e-5)
    assert net(images).shape == (2, 5, 48, 40)


def levels_of(net):
    return [net.decoder1, net.decoder2, net.decoder3]


def test_the_encoder_is_the_residual_network(build, net):
    plain = build("resnet14", stem_stride=2, classes=5, shape=(3, 48, 40)).eval()
    assert isinstance(plain, ResNet)
    own = {name: each for name, each in plain.state_dict().items() if not name.startswith("fc.")}
    net.load_state_dict(own, strict=False)
    images = torch.randn(2, 3, 48, 40)
    assert torch.equal(net.maps(images)[-1], plain.maps(images)[-1])
    assert own.keys() <= net.state_dict().keys()


@pytest.mark.parametrize(
    "part, groups, wanted",
    [
        ("encoder", [-1], {"layer3.0.conv1", "layer3.0.conv2", "layer3.1.conv1", "layer3.1.conv2"}),
        ("decoder", None, {"decoder1", "decoder2", "decoder3"}),
        ("decoder", [-2, -1], {"decoder2", "decoder3"}),
        ("head", None, {"head"}),
    ],
)
def test_dropblock_acts_on_the_part_that_is_asked_for(build, option, part, groups, wanted):
    acting = option("regularizer", "dropblock", part=part, groups=groups, skip=False)
    net = build("fpn_resnet14", classes=5, shape=(3, 48, 40), sites=[acting])
    assert drops(net).keys() == wanted and all(isinstance(each, DropBlock2d) for each in drops(net).values())


def test_both_parts_are_the_two_together(build, option):
    found = []
    for part in ("encoder", "decoder", "both"):
        acting = option("regularizer", "dropblock", part=part, groups=None)
        found.append({*drops(build("fpn_resnet14", classes=5, shape=(3, 48, 40), sites=[acting]))})
    assert found[0] and found[1] and found[2] == found[0] | found[1] and not found[0] & found[1]


def test_what_is_out_of_range_is_refused(build):
    with pytest.raises(ValueError, match="model.pyramid_width"):
        build("fpn_resnet14", pyramid_width=0, classes=5, shape=(3, 48, 40))


def test_it_is_trained_by_every_loss_that_labels_pixels(build):
    net = build("fpn_resnet14", classes=5, shape=(3, 48, 40))
    nn.CrossEntropyLoss()(net(torch.randn(2, 3, 48, 40)), torch.randint(5, (2, 48, 40))).backward()
    assert all(each.grad is not None and each.grad.any() for each in net.parameters())
