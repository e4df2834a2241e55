"""Slices go through the loss itself, along directions as long as the filters."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.diagnostics.landscape import landscape, random_direction


@pytest.fixture
def looked(probe):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    return probe(net, torch.randn(8, 1, 5, 5), torch.arange(8) % 3, nn.CrossEntropyLoss())


def test_in_the_middle_stands_the_loss_itself(looked, arguments):
    found, arrays = landscape(looked, **arguments("landscape", points=5))
    own = nn.functional.cross_entropy(looked.network.train()(looked.images), looked.targets).item()
    assert arrays["alphas"].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert found["loss"].value == pytest.approx(own, rel=1e-6)
    assert arrays["line"][2] == arrays["plane"][2, 2] == found["loss"].value
    assert arrays["plane"][2] == pytest.approx(arrays["line"])  # the line is β = 0
    assert found["rise"].value == pytest.approx((arrays["line"][0] + arrays["line"][-1]) / 2 - own)
    assert found["near"].value == np.mean(arrays["plane"] <= arrays["line"][2] + 1)


def test_every_point_is_the_loss_of_weights_moved_by_hand(looked, arguments):
    _, arrays = landscape(looked, **arguments("landscape", points=3, reach=0.7))
    network = looked.replica()
    ways = [random_direction(looked, network, index) for index in (1, 2)]
    start = [p.detach().clone() for p in network.parameters()]
    for row, beta in enumerate(arrays["alphas"]):
        for column, alpha in enumerate(arrays["alphas"]):
            with torch.no_grad():
                for p, at, one, two in zip(network.parameters(), start, *ways, strict=True):
                    p.copy_(at + float(alpha) * one + float(beta) * two)
            assert arrays["plane"][row, column] == pytest.approx(looked.loss_of(network).item(), rel=1e-5)


def test_each_filter_of_a_direction_has_the_length_of_the_weights(looked):
    found = dict(zip(dict(looked.network.named_parameters()), random_direction(looked, looked.network, 1), strict=True))
    for name in ("0.weight", "4.weight"):
        own = looked.network.get_parameter(name).detach()
        assert torch.allclose(found[name].flatten(1).norm(dim=1), own.flatten(1).norm(dim=1), rtol=1e-5)
    assert not any(found[name].any() for name in ("0.bias", "1.weight", "1.bias", "4.bias"))
    other = random_direction(looked, looked.network, 2)[0].flatten()
    assert abs(float(torch.cosine_similarity(found["0.weight"].flatten(), other, dim=0))) < 0.6


def test_a_layer_before_a_norm_may_have_any_length(looked, arguments):
    """What filter-wise scaling is for: the picture does not depend on how the same function is written."""
    given = arguments("landscape", points=3, plane=False)
    before = landscape(looked, **given)[1]["line"]
    with torch.no_grad():
        looked.network[0].weight.mul_(50)
        looked.network[0].bias.mul_(50)
    assert landscape(looked, **given)[1]["line"] == pytest.approx(before, rel=1e-3)


def test_without_the_plane_there_is_a_line(looked, arguments):
    found, arrays = landscape(looked, **arguments("landscape", points=3, plane=False))
    assert set(arrays) == {"alphas", "line"} and "near" not in found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"points": 4}, "points must be odd, so that the weights themselves are among them, got 4"),
        ({"points": 1}, "points must be a whole number, 3 or more, got 1"),
        ({"reach": 0}, "reach must be a number above 0, got 0"),
        ({"plane": 2}, "plane must be true or false, got 2"),
    ],
)
def test_what_cannot_be_is_refused_by_name(looked, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        landscape(looked, **arguments("landscape", **changes))
