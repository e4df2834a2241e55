import torch
from torch import nn

from dropgrid.penalties.elastic import Elastic


def test_term_is_the_two_together():
    net = nn.Linear(3, 4)
    wanted = 0.1 * net.weight.abs().sum() + 0.5 * 0.2 * net.weight.square().sum()
    assert torch.isclose(Elastic(l1=0.1, l2=0.2).term(net), wanted)
