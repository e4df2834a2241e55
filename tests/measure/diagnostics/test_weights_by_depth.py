"""Against plain sums."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from dropgrid.measure.diagnostics.weights_by_depth import weights_by_depth


def test_norms_and_variances_by_layer(probe):
    net = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(54, 4))
    found, arrays = weights_by_depth(probe(net, torch.zeros(1, 2, 5, 5)))
    flat = [net[i].weight.detach().double().numpy().ravel() for i in (0, 3)]
    assert arrays["layers"].tolist() == ["0", "3"]
    assert arrays["norms"] == pytest.approx([np.linalg.norm(w) for w in flat])
    assert arrays["rms"] == pytest.approx([np.sqrt(np.mean(w**2)) for w in flat])
    assert arrays["sigma2"] == pytest.approx([fan * np.mean(w**2) for w, fan in zip(flat, (18, 54), strict=True)])
    assert found["norm"].value == pytest.approx(np.linalg.norm(np.concatenate(flat)))
    assert found["uneven"].value == pytest.approx(arrays["sigma2"].max() / arrays["sigma2"].min())


@pytest.mark.parametrize(("variance", "expected"), [(1.0, 1.0), (2.0, 2.0)])
def test_what_an_initializer_fixes_is_read_off(probe, variance, expected):
    net = nn.Sequential(nn.Linear(400, 300, bias=False))
    nn.init.normal_(net[0].weight, std=(variance / 400) ** 0.5, generator=torch.Generator().manual_seed(0))
    assert weights_by_depth(probe(net, torch.zeros(1, 400)))[1]["sigma2"] == pytest.approx([expected], rel=0.02)


def test_weights_are_as_the_layer_computes_with_them(probe):
    net = nn.Sequential(weight_norm(nn.Linear(3, 5)))
    with torch.no_grad():
        net[0].parametrizations.weight.original0.fill_(2.0)  # the gain of each of five rows
    assert weights_by_depth(probe(net, torch.zeros(1, 3)))[1]["norms"] == pytest.approx([2 * 5**0.5])


def test_weights_of_0_have_no_ratio(probe):
    net = nn.Sequential(nn.Linear(2, 2))
    nn.init.zeros_(net[0].weight)
    assert "uneven" not in weights_by_depth(probe(net, torch.zeros(1, 2)))[0]
