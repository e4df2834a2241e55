"""Along the gradient of a quadratic all is known in closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from dropgrid.measure.diagnostics.gradient import gradient
from dropgrid.measure.trained_cell import DoesNotApply


class Quadratic(nn.Module):
    """½ wᵀ A w for A = diag(values), w = 1."""

    def __init__(self, values):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(len(values), dtype=torch.float64))
        self.register_buffer("values", torch.tensor(values, dtype=torch.float64))

    def forward(self, images):
        return (self.values * self.weight.square()).sum() / 2


class Itself(nn.Module):
    def forward(self, logits, targets):
        return logits


def test_a_quadratic(probe, arguments):
    values = np.array([1.0, 3.0, 10.0])
    given = arguments("gradient", low=0.5, high=4.0, points=6)
    found, arrays = gradient(probe(Quadratic(values), torch.zeros(1), loss=Itself(), lr=0.05), **given)
    steps, slope = 0.05 * np.geomspace(0.5, 4, 6), values
    assert arrays["steps"] == pytest.approx(steps)
    there = 1 - steps[:, None] * slope
    assert arrays["loss"] == pytest.approx([values.sum() / 2, *(values * there**2).sum(1) / 2])
    assert arrays["change"] == pytest.approx(steps * np.linalg.norm(values * slope))
    rate = np.linalg.norm(values * slope) / np.linalg.norm(slope)
    assert arrays["smoothness"] == pytest.approx(rate * np.ones(6))
    assert found["smoothness"].value == pytest.approx(rate) and rate < 10  # never above the highest eigenvalue
    assert found["norm"].value == pytest.approx(np.linalg.norm(slope))
    assert found["loss_min"].value == pytest.approx(arrays["loss"].min())
    assert found["loss_max"].value == pytest.approx(arrays["loss"].max())


def test_lr_replaces_the_optimizers(probe, arguments):
    looked = probe(Quadratic([1.0]), torch.zeros(1), loss=Itself(), lr=0.05)
    _, arrays = gradient(looked, **arguments("gradient", lr=2.0))
    assert arrays["steps"][[0, -1]] == pytest.approx([1.0, 8.0])


def test_where_there_is_no_way_it_does_not_apply(probe, arguments):
    with pytest.raises(DoesNotApply, match="diagnose.lr="):
        gradient(probe(Quadratic([1.0]), torch.zeros(1), loss=Itself()), **arguments("gradient"))
    with pytest.raises(DoesNotApply, match="a gradient of norm 0 leads nowhere"):
        gradient(probe(Quadratic([0.0]), torch.zeros(1), loss=Itself(), lr=0.1), **arguments("gradient"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"low": 5}, r"low must be a number in \(0, 4\), got 5"),
        ({"points": 1}, "points must be a whole number, 2 or more, got 1"),
        ({"lr": 0}, "lr must be a number above 0, got 0"),
        ({"high": "x"}, "high must be a number above 0, got 'x'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(probe, arguments, changes, told):
    with pytest.raises(ValueError, match=told):
        gradient(probe(Quadratic([1.0]), torch.zeros(1), loss=Itself(), lr=0.1), **arguments("gradient", **changes))
