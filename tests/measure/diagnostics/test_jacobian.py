"""Against dense singular values of Jacobians that are known."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.diagnostics.jacobian import jacobian
from dropgrid.measure.trained_cell import DoesNotApply


def linear(rows, columns):
    net = nn.Sequential(nn.Flatten(), nn.Linear(columns, rows))
    torch.nn.init.normal_(net[1].weight, generator=torch.Generator().manual_seed(3))
    return net


def test_a_linear_net_has_its_matrix_singular_values_once_an_image(probe, arguments):
    net = linear(5, 12)
    found, arrays = jacobian(probe(net, torch.randn(3, 1, 3, 4)), **arguments("jacobian"))
    own = torch.linalg.svdvals(net[1].weight.detach()).numpy()
    assert arrays["values"] == pytest.approx(np.sort(np.repeat(own, 3)), rel=1e-5) and bool(arrays["exact"])
    assert found["sigma_max"].value == pytest.approx(own[0], rel=1e-5)
    assert found["sigma_median"].value == pytest.approx(np.median(own), rel=1e-5)
    assert found["ratio"].value == pytest.approx(own[0] / np.median(own), rel=1e-5)
    assert found["mean_square"].value == pytest.approx((own**2).mean(), rel=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(6, 20), (20, 6)])
def test_quadrature_finds_the_same_without_the_matrix(probe, arguments, rows, columns):
    net, images = linear(rows, columns), torch.randn(4, columns)
    by_lanczos = arguments("jacobian", exact=1, vectors=8)
    found, arrays = jacobian(probe(net, images), **by_lanczos)
    own = torch.linalg.svdvals(net[1].weight.detach()).numpy()
    assert not arrays["exact"] and arrays["weights"].sum() == pytest.approx(1)
    assert found["sigma_max"].value == pytest.approx(own[0], rel=1e-4)
    # signs are unbiased: of 8 starts the mean square is near, of each node there is a singular value
    assert found["mean_square"].value == pytest.approx((own**2).mean(), rel=0.25)
    for node in arrays["values"][arrays["weights"] > 1e-3]:
        assert np.abs(own - node).min() < 1e-3 * own[0]


def test_a_net_with_batch_norm_is_that_of_the_whole_batch(probe, arguments):
    net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2))
    images = torch.randn(5, 4)
    whole = torch.autograd.functional.jacobian(lambda x: net.train()(x).flatten(), images).reshape(10, 20)
    for exact in (512, 1):
        _, arrays = jacobian(probe(net, images), **arguments("jacobian", exact=exact))
        own = torch.linalg.svdvals(whole).numpy()
        assert arrays["values"][-1] == pytest.approx(own[0], rel=1e-4)
        if exact > 1:
            assert arrays["values"] == pytest.approx(own[::-1], rel=1e-3, abs=1e-5)


def test_orthogonal_layers_are_an_isometry(probe, arguments):
    layers = [nn.Linear(16, 16, bias=False) for _ in range(30)]
    for index, layer in enumerate(layers):
        nn.init.orthogonal_(layer.weight, generator=torch.Generator().manual_seed(index))
    found, _ = jacobian(probe(nn.Sequential(*layers), torch.randn(4, 16)), **arguments("jacobian"))
    assert all(found[key].value == pytest.approx(1, abs=1e-4) for key in ("sigma_max", "ratio", "mean_square"))


def test_features_are_what_enters_the_classifier(probe, arguments):
    net = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    _, arrays = jacobian(probe(net, torch.randn(2, 7)), **arguments("jacobian", output="features"))
    own = torch.linalg.svdvals(net[0].weight.detach()).numpy()
    assert arrays["values"] == pytest.approx(np.sort(np.repeat(own, 2)), rel=1e-4)
    with pytest.raises(DoesNotApply, match="no linear layer"):
        convolutional = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten())
        jacobian(probe(convolutional, torch.randn(2, 1, 2, 2)), **arguments("jacobian", output="features"))


def test_a_median_of_0_has_no_ratio(probe, arguments):
    net = nn.Sequential(nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        net[0].weight.zero_()[0, 0] = 1.0
    found, _ = jacobian(probe(net, torch.randn(1, 3)), **arguments("jacobian"))
    assert found["sigma_median"].value == 0 and "ratio" not in found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"output": "loss"}, "output must be logits or features, got 'loss'"),
        ({"vectors": 0}, "vectors must be a whole number, 1 or more, got 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(probe, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        jacobian(probe(nn.Linear(1, 1), torch.ones(1, 1)), **arguments("jacobian", **changes))
