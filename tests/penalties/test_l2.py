import torch
from torch import nn

from dropgrid.penalties.l2 import L2


def test_for_sgd_with_momentum_it_is_weight_decay():
    nets = [nn.Linear(4, 3) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    weights, biases = [n.weight for n in nets], [n.bias for n in nets]
    decayed = [{"params": [weights[0]], "weight_decay": 0.3}, {"params": [biases[0]]}]
    optimizers = [
        torch.optim.SGD(decayed, lr=0.1, momentum=0.9),
        torch.optim.SGD(nets[1].parameters(), lr=0.1, momentum=0.9),
    ]
    penalty = L2(strength=0.3)
    for x in torch.randn(10, 5, 4):
        for net, optimizer, term in zip(nets, optimizers, (lambda _: 0.0, penalty.term), strict=True):
            optimizer.zero_grad()
            (net(x).square().sum() + term(net)).backward()
            optimizer.step()
    assert torch.allclose(weights[0], weights[1], atol=1e-6) and torch.allclose(biases[0], biases[1], atol=1e-6)


def test_for_adam_it_is_not_decoupled_decay():
    nets = [nn.Linear(4, 3) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizers = [
        torch.optim.AdamW(nets[0].parameters(), lr=0.1, weight_decay=0.3),
        torch.optim.Adam(nets[1].parameters(), lr=0.1),
    ]
    for net, optimizer, term in zip(nets, optimizers, (lambda _: 0.0, L2(strength=0.3).term), strict=True):
        (net(torch.ones(1, 4)).square().sum() + term(net)).backward()
        optimizer.step()
    assert not torch.allclose(nets[0].weight, nets[1].weight, atol=1e-3)
