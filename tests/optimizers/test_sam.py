from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.optimizers.sam import sam

make = partial(sam, lr=0.1, momentum=0.0, weight_decay=0.0, decay_all=False, rho=0.05)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_step_is_the_formula(adaptive):
    """w ← w - lr · ∇L(w + rho · s), s = g / ‖g‖, or w² g / ‖|w| g‖ where it adapts."""
    torch.manual_seed(0)
    model, x = nn.Linear(5, 3), torch.randn(8, 5)
    optimizer = make(model, adaptive=adaptive)

    def loss(weight, bias):
        return (torch.nn.functional.linear(x, weight, bias) - 1).pow(4).mean()

    w = [p.detach().clone().requires_grad_() for p in model.parameters()]
    g = torch.autograd.grad(loss(*w), w)
    scaled = [p.abs() * each if adaptive else each for p, each in zip(w, g, strict=True)]
    length = torch.cat([each.flatten() for each in scaled]).norm()
    ascent = [(p**2 if adaptive else 1) * each * 0.05 / length for p, each in zip(w, g, strict=True)]
    there = [(p + each).detach().requires_grad_() for p, each in zip(w, ascent, strict=True)]
    wanted = [p - 0.1 * each for p, each in zip(w, torch.autograd.grad(loss(*there), there), strict=True)]

    def closure():
        optimizer.zero_grad()
        value = loss(*model.parameters())
        value.backward()
        return value

    first = optimizer.step(closure)
    assert torch.isclose(first, loss(*w))
    assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(model.parameters(), wanted, strict=True))


def test_adaptive_is_true_or_false():
    with pytest.raises(ValueError, match=r"optimizer.adaptive .* got 'yes'"):
        make(nn.Linear(2, 2), adaptive="yes")
