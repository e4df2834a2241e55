import torch
from torch import nn

from dropgrid.penalties.max_norm import MaxNorm


def test_every_unit_ends_inside_the_ball_and_those_inside_stay_as_they_were():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5))
    with torch.no_grad():
        net[0].weight[:4] *= 20
        net[3].weight[1] *= 30
        net[1].weight.fill_(9)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    MaxNorm(radius=1.5).project(net)
    for name in ("0.weight", "3.weight"):
        was, now = before[name].flatten(1), net.get_parameter(name).flatten(1)
        assert (now.norm(dim=1) <= 1.5 + 1e-5).all()
        long = was.norm(dim=1) > 1.5
        assert long.any() and not long.all()
        assert torch.equal(now[~long], was[~long])
        assert torch.allclose(now[long], 1.5 * was[long] / was[long].norm(dim=1, keepdim=True), atol=1e-5)
    assert all(torch.equal(net.get_parameter(name), before[name]) for name in ("0.bias", "1.weight", "3.bias"))
