"""Quantiles against numpy's of what a hand-made pass gives; drifts against their formula."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.diagnostics.inputs import inputs
from dropgrid.measure.trained_cell import DoesNotApply


@pytest.fixture
def net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 6), nn.Tanh(), nn.Linear(6, 2)
    )


def test_quantiles_are_over_images_and_places_of_one_unit(probe, arguments, net):
    images = torch.randn(20, 1, 5, 5)
    found, arrays = inputs(probe(net, images), **arguments("inputs", unit=2))
    net.train()
    with torch.no_grad():
        first = net[:2](images)
        second = net[2:5](first)
    own = [np.quantile(x[:, 2].double().numpy().ravel(), [0.15, 0.5, 0.85]) for x in (first, second)]
    assert arrays["layers"].tolist() == ["2", "5"] and arrays["shares"].tolist() == [0.15, 0.5, 0.85]
    assert arrays["quantiles"] == pytest.approx(np.array(own))
    assert found["width"].value == pytest.approx(np.mean([o[2] - o[0] for o in own]))


def test_the_last_unit_stands_in_where_a_layer_is_narrower(probe, arguments, net):
    images = torch.randn(20, 1, 5, 5)
    _, far = inputs(probe(net, images), **arguments("inputs", unit=99))
    _, last = inputs(probe(net, images), **arguments("inputs", unit=3))
    assert far["quantiles"][0].tolist() == last["quantiles"][0].tolist()


def test_drift_is_the_distance_of_the_moving_averages(probe, arguments, net):
    images = torch.randn(20, 1, 5, 5)
    _, arrays = inputs(probe(net, images), **arguments("inputs"))
    values = net[0](images).detach().double().transpose(0, 1).flatten(1)
    mean, variance = values.mean(1), values.var(1, correction=0) + 1e-5
    assert arrays["norms"].tolist() == ["1"]
    assert arrays["drift_mean"] == pytest.approx([float((mean.abs() / variance.sqrt()).mean())])
    assert arrays["drift_variance"] == pytest.approx([float(((1 + 1e-5) / variance).log().abs().mean())])
    with torch.no_grad():
        net[1].running_mean.copy_(mean)
        net[1].running_var.copy_(variance - 1e-5)
    found, _ = inputs(probe(net, images), **arguments("inputs"))
    assert found["drift_mean"].value == pytest.approx(0, abs=1e-6)
    assert found["drift_variance"].value == pytest.approx(0, abs=1e-6)


def test_without_batch_norm_there_is_no_drift_and_without_activation_nothing(probe, arguments):
    found, arrays = inputs(probe(nn.Sequential(nn.Linear(3, 2), nn.GELU()), torch.randn(4, 3)), **arguments("inputs"))
    assert set(found) == {"width"} and "norms" not in arrays
    with pytest.raises(DoesNotApply, match="no activation"):
        inputs(probe(nn.Linear(3, 2), torch.randn(4, 3)), **arguments("inputs"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unit": -1}, "unit must be a whole number, 0 or more, got -1"),
        ({"quantiles": [0.5, 2]}, "quantiles lists numbers from 0 to 1, got 2"),
        ({"quantiles": 0.5}, "quantiles takes a list"),
    ],
)
def test_what_cannot_be_is_refused_by_name(probe, arguments, net, changes, told):
    with pytest.raises(ValueError, match=told):
        inputs(probe(net, torch.randn(2, 1, 5, 5)), **arguments("inputs", **changes))
