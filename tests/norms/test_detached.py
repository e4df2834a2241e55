import pytest
import torch
from torch import nn

from dropgrid.norms.detached import DetachedBatchNorm1d, DetachedBatchNorm2d

PAIRS = [(DetachedBatchNorm2d, nn.BatchNorm2d, (4, 6, 5, 7)), (DetachedBatchNorm1d, nn.BatchNorm1d, (9, 6))]


def two(detached, plain, **about):
    """The norm and torch's, with the same gain and shift."""
    one, other = detached(6, **about).double(), plain(6, **about).double()
    nn.init.uniform_(other.weight, 0.5, 1.5)
    nn.init.normal_(other.bias)
    one.load_state_dict(other.state_dict())
    return one, other


@pytest.mark.parametrize(("detached", "plain", "shape"), PAIRS)
def test_values_and_moving_averages_are_those_of_batch_norm(detached, plain, shape):
    one, other = two(detached, plain)
    for step in range(3):
        x = torch.randn(shape).double() * 3 + step
        assert torch.allclose(one(x), other(x), atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert torch.equal(one.eval()(x), other.eval()(x))


@pytest.mark.parametrize(("detached", "plain", "shape"), PAIRS)
def test_the_gradient_takes_mean_and_variance_as_constants(detached, plain, shape):
    one, other = two(detached, plain, eps=1e-20)
    axes = [0, *range(2, len(shape))]
    x, direction = torch.randn(shape).double() * 3 + 2, torch.randn(shape).double()
    var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    unit = (x - mean) / var.sqrt()

    def gradient(norm):
        inputs = x.clone().requires_grad_()
        (norm(inputs) * direction).sum().backward()
        return inputs.grad

    gain = one.weight.detach().view(1, -1, *[1] * (len(shape) - 2))
    assert torch.allclose(gradient(one), gain / var.sqrt() * direction, atol=1e-12)
    # batch norm's is that without its parts along 1 and along the normalized input (Ioffe, Szegedy, §3)
    parts = direction.mean(axes, keepdim=True) + unit * (unit * direction).mean(axes, keepdim=True)
    assert torch.allclose(gradient(other), gain / var.sqrt() * (direction - parts), atol=1e-12)
    assert (gradient(one) * unit).sum(axes).abs().min() > 0.01 > (gradient(other) * unit).sum(axes).abs().max()
    for parameter in ("weight", "bias"):
        assert torch.allclose(one.get_parameter(parameter).grad, other.get_parameter(parameter).grad)


def test_weights_before_it_grow_though_the_loss_does_not_answer():
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    grown, losses = [], []
    for norm in (DetachedBatchNorm1d(4, affine=False), nn.BatchNorm1d(4, affine=False)):
        layer = nn.Linear(4, 4, bias=False)
        nn.init.eye_(layer.weight)
        target = 2 * norm(layer(x)).detach()  # twice what any norm can give
        optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
        for _ in range(100):
            optimizer.zero_grad()
            loss = (norm(layer(x)) - target).square().mean()
            loss.backward()
            optimizer.step()
        grown.append(layer.weight.norm().item() / 2)
        losses.append(loss.item())
    assert grown[0] > 5 and grown[1] == pytest.approx(1, abs=0.01)
    assert losses == pytest.approx([1, 1], abs=0.01)
