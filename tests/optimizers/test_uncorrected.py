from copy import deepcopy

import torch
from torch import nn

from dropgrid.optimizers.uncorrected import UncorrectedAdam


def test_a_closure_gives_the_loss_before_the_step_and_what_has_no_gradient_stays():
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = UncorrectedAdam([used, unused], lr=0.1, betas=(0.9, 0.999), eps=1e-8)

    def closure():
        optimizer.zero_grad()
        loss = used.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert (used < 1).all() and torch.equal(unused, torch.ones(2))


def test_it_goes_on_from_its_state_to_the_bit():
    weights = [nn.Parameter(torch.ones(3)) for _ in range(2)]
    first, second = (UncorrectedAdam([w], lr=0.1, betas=(0.9, 0.999), eps=1e-8) for w in weights)
    gradients = torch.randn(6, 3)

    def steps(optimizer, weight, which):
        for gradient in gradients[which]:
            weight.grad = gradient.clone()
            optimizer.step()

    steps(first, weights[0], slice(0, 3))
    weights[1].data.copy_(weights[0].data)
    second.load_state_dict(deepcopy(first.state_dict()))
    for optimizer, weight in zip((first, second), weights, strict=True):
        steps(optimizer, weight, slice(3, 6))
    assert torch.equal(*weights)
