"""Norms by depth where they are known in closed form; dead and saturated units made by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.diagnostics.signal import signal


@pytest.mark.parametrize("weight", [0.8, 1.0, 1.1])
def test_a_chain_of_scalar_weights_has_their_power(probe, arguments, chain, weight):
    found, arrays = signal(probe(chain(56, weight), torch.ones(4, 1)), **arguments("signal"))
    forward = weight ** np.arange(57)
    assert arrays["activation"] == pytest.approx(forward, rel=1e-4)
    # ∂(½ y²)/∂x_l = y · w^(56 - l), of 4 images / 4 each
    assert arrays["gradient"] == pytest.approx(0.5 * weight**56 * forward[::-1], rel=1e-4)
    assert arrays["weight_gradient"] == pytest.approx(weight ** (2 * 56 - 1) * np.ones(56), rel=1e-4)
    assert found["activation"].value == pytest.approx(weight**55, rel=1e-4)
    assert found["gradient"].value == pytest.approx(weight**55, rel=1e-4)
    logs = np.log(weight) * np.arange(1, 56)
    assert found["spread"].value == pytest.approx(logs.std(), abs=1e-4)
    assert found["inverse_widths"].value == 55


def test_the_power_of_the_notes():
    assert 0.8**56 == pytest.approx(4e-6, rel=0.1)


def test_norms_are_those_of_plain_autograd_in_a_convolutional_net(probe, arguments):
    net = nn.Sequential(nn.Conv2d(2, 5, 3), nn.Tanh(), nn.Flatten(), nn.Linear(80, 3))
    images = torch.randn(6, 2, 6, 6)
    targets = torch.arange(6) % 3
    _, arrays = signal(probe(net, images, targets, nn.CrossEntropyLoss()), **arguments("signal"))
    x = images.clone().requires_grad_()
    hidden = net[1](net[0](x)).flatten(1)
    hidden.retain_grad()
    logits = net[3](hidden)
    logits.retain_grad()
    nn.functional.cross_entropy(logits, targets).backward()
    points = [x, hidden, logits]
    assert arrays["layers"].tolist() == ["0", "3"] and arrays["widths"].tolist() == [5, 3]
    assert arrays["activation"] == pytest.approx([float(p.detach().square().mean().sqrt()) for p in points], rel=1e-5)
    assert arrays["gradient"] == pytest.approx([float(p.grad.norm()) for p in points], rel=1e-5)
    assert arrays["weight_gradient"] == pytest.approx([float(net[i].weight.grad.norm()) for i in (0, 3)], rel=1e-5)


def test_dead_units_are_those_that_no_image_wakes(probe, arguments):
    net = nn.Sequential(nn.Linear(3, 10), nn.ReLU(), nn.Linear(10, 2))
    with torch.no_grad():
        net[0].bias.fill_(5.0)
        net[0].bias[:3] = -1e3  # three of ten
    found, arrays = signal(probe(net, torch.randn(20, 3)), **arguments("signal"))
    assert arrays["relus"].tolist() == ["1"] and arrays["dead"] == pytest.approx([0.3])
    assert found["dead"].value == found["dead_max"].value == pytest.approx(0.3) and "saturated" not in found


def test_a_channel_that_wakes_at_one_place_is_not_dead(probe, arguments):
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2))
    with torch.no_grad():
        net[0].weight[:, 0, 0, 0] = torch.tensor([1.0, -1.0])
    images = torch.zeros(3, 1, 3, 3)
    images[2, 0, 1, 1] = 1.0
    _, arrays = signal(probe(net, images), **arguments("signal"))
    assert arrays["dead"] == pytest.approx([0.5])


@pytest.mark.parametrize(("kind", "inverse"), [(nn.Tanh, np.arctanh), (nn.Sigmoid, lambda y: 2 * np.arctanh(y))])
def test_saturated_activations_are_those_in_the_outer_part_of_the_range(probe, arguments, kind, inverse):
    edge = float(inverse(0.95))
    net = nn.Sequential(nn.Linear(4, 4, bias=False), kind(), nn.Linear(4, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(4))
    images = torch.tensor([[0.0, edge + 0.01, edge - 0.01, -edge - 0.01], [0.0, 0.0, 0.0, 99.0]])
    found, arrays = signal(probe(net, images), **arguments("signal"))
    assert arrays["saturated"] == pytest.approx([3 / 8]) and "dead" not in found


def test_a_share_outside_its_range_is_refused(probe):
    with pytest.raises(ValueError, match=r"saturated must be a number in \(0, 1\), got 1"):
        signal(probe(nn.Linear(1, 1), torch.ones(1, 1)), saturated=1)
