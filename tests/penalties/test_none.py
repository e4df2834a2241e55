import torch

from dropgrid.penalties.none import NoPenalty


def test_it_adds_nothing_and_moves_nothing():
    model = torch.nn.Linear(3, 2)
    before = model.weight.clone()
    penalty = NoPenalty()
    assert penalty.term(model) == 0
    penalty.project(model)
    assert torch.equal(model.weight, before)
