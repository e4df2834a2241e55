"""Against dense Hessians: of a quadratic by hand, of softmax regression by torch.autograd.functional.hessian."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from dropgrid.measure.diagnostics.hessian import hessian


class Quadratic(nn.Module):
    """½ wᵀ A w, whatever the images are."""

    def __init__(self, matrix):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(len(matrix), dtype=torch.float64))
        self.register_buffer("matrix", matrix)

    def forward(self, images):
        return self.weight @ self.matrix @ self.weight / 2


class Itself(nn.Module):
    def forward(self, logits, targets):
        return logits


def dense(net, probe):
    """The Hessian in the order of the parameters."""
    names = [name for name, _ in net.named_parameters()]
    sizes = [p.numel() for p in net.parameters()]

    def loss(vector):
        pieces = {n: v.view_as(p) for n, v, p in zip(names, vector.split(sizes), net.parameters(), strict=True)}
        return probe.loss(functional_call(net, pieces, probe.images), probe.targets)

    return torch.autograd.functional.hessian(loss, torch.cat([p.detach().flatten() for p in net.parameters()]))


def test_the_hessian_of_a_quadratic_is_its_matrix(probe, arguments):
    values = torch.cat([torch.linspace(0, 1, 40), torch.tensor([-3.0, 20.0])]).double()
    turn, _ = torch.linalg.qr(torch.randn(42, 42, dtype=torch.float64))
    matrix = turn @ torch.diag(values) @ turn.T
    found, arrays = hessian(probe(Quadratic(matrix), torch.zeros(1), loss=Itself()), **arguments("hessian"))
    assert found["highest"].value == pytest.approx(20) and found["lowest"].value == pytest.approx(-3)
    assert found["negative"].value == pytest.approx(3 / 20) and int(arrays["size"]) == 42
    assert found["highest_bound"].value < 1e-6


@pytest.mark.parametrize("hidden", [False, True])
def test_both_ends_are_those_of_the_dense_hessian(probe, arguments, hidden):
    head = [nn.Linear(6, 5), nn.Tanh()] if hidden else []
    net = nn.Sequential(*head, nn.Linear(5 if hidden else 6, 4)).double()
    images, targets = torch.randn(12, 6, dtype=torch.float64), torch.arange(12) % 4
    looked = probe(net, images, targets, nn.CrossEntropyLoss())
    own = torch.linalg.eigvalsh(dense(net, looked)).numpy()
    found, arrays = hessian(looked, **arguments("hessian", iterations=100, vectors=20))
    assert found["highest"].value == pytest.approx(own[-1], rel=1e-6)
    assert found["lowest"].value == pytest.approx(own[0], rel=1e-6, abs=1e-8)
    assert (own[0] < -1e-3) == hidden  # softmax regression is convex
    assert arrays["weights"].sum() == pytest.approx(1)
    assert found["mean"].value == pytest.approx(own.mean(), rel=0.35)  # 20 random starts


def test_few_iterations_stay_within_their_bound(probe, arguments):
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    looked = probe(net, torch.randn(30, 6, dtype=torch.float64), torch.arange(30) % 4, nn.CrossEntropyLoss())
    own = torch.linalg.eigvalsh(dense(net, looked)).numpy()
    found, _ = hessian(looked, **arguments("hessian", iterations=12))
    for end in ("highest", "lowest"):
        assert np.abs(own - found[end].value).min() <= found[f"{end}_bound"].value + 1e-9


def test_frozen_parameters_are_not_among_them_and_a_linear_loss_has_none(probe, arguments):
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    looked = probe(net, torch.randn(4, 3), torch.arange(4) % 2, nn.CrossEntropyLoss())
    assert int(hessian(looked, **arguments("hessian"))[1]["size"]) == 6

    class Sum(nn.Module):
        def forward(self, logits, targets):
            return logits.sum()

    found, _ = hessian(probe(nn.Linear(3, 2), torch.randn(4, 3), loss=Sum()), **arguments("hessian"))
    assert found["highest"].value == found["lowest"].value == 0


def test_counts_below_1_are_refused(probe, arguments):
    with pytest.raises(ValueError, match="iterations must be a whole number, 1 or more, got 0"):
        hessian(probe(nn.Linear(1, 1), torch.ones(1, 1)), **arguments("hessian", iterations=0))
