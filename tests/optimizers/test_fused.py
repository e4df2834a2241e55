import pytest
import torch
from torch import nn, optim

from dropgrid.optimizers.fused import fused


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: optim.Adam(p, lr=0.01, betas=(0.8, 0.99)),
        lambda p: optim.AdamW(p, lr=0.01),
        lambda p: optim.Adagrad(p, lr=0.01, eps=1e-6),
    ],
)
def test_same_steps_as_the_plain_form(make):
    nets = [nn.Linear(6, 4), nn.Linear(6, 4)]
    nets[1].load_state_dict(nets[0].state_dict())
    groups = [[{"params": [n.weight], "weight_decay": 0.1}, {"params": [n.bias], "weight_decay": 0.0}] for n in nets]
    plain, quick = make(groups[0]), fused(make(groups[1]))
    assert type(quick) is type(plain) and all(group["fused"] for group in quick.param_groups)
    for _ in range(5):
        x = torch.randn(8, 6)
        for net, optimizer in zip(nets, (plain, quick), strict=True):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_an_optimizer_without_a_fused_form_is_named():
    with pytest.raises(ValueError, match="trainer.fused=true, but torch has no fused form of RMSprop"):
        fused(optim.RMSprop(nn.Linear(2, 2).parameters()))
