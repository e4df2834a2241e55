from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.callbacks.average import reestimate
from dropgrid.norms.batch import batch

CONV = partial(nn.Conv2d, 3, 6, 3)
LINEAR = partial(nn.Linear, 3, 6)
DEFAULTS = {
    "eps": 1e-5,
    "momentum": 0.1,
    "affine": True,
    "gain": 1.0,
    "shift": 0.0,
    "statistics": "moving",
    "detach": False,
    "sync": False,
}


def made(layer=CONV, **changes):
    """The layer and its norm."""
    return batch(layer, 6, **{**DEFAULTS, **changes})


def normalized(x, mean, var, eps):
    return (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + eps)


class Learns(nn.Module):
    """Stands in for a learner whose network is one norm."""

    device = torch.device("cpu")

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


def test_training_uses_the_statistics_of_the_batch():
    _, norm = made(eps=1e-3)
    nn.init.uniform_(norm.weight)
    nn.init.uniform_(norm.bias)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    for channel in range(6):
        cells = x[:, channel]
        expected = (cells - cells.mean()) / torch.sqrt(cells.var(correction=0) + 1e-3)
        expected = expected * norm.weight[channel] + norm.bias[channel]
        assert torch.allclose(norm(x)[:, channel], expected, atol=1e-5)


def test_momentum_is_the_weight_of_the_new_batch():
    _, norm = made(momentum=0.2)
    x = torch.randn(4, 6, 5, 7) + 3
    norm(x)
    assert torch.allclose(norm.running_mean, 0.2 * x.mean((0, 2, 3)))
    assert torch.allclose(norm.running_var, 0.8 + 0.2 * x.var((0, 2, 3)))


@pytest.mark.parametrize("affine", [True, False])
def test_the_layer_has_a_bias_exactly_when_the_norm_is_not_affine(affine):
    layer, norm = made(affine=affine)
    assert (layer.bias is None) == affine == (norm.weight is not None)


def test_after_a_linear_layer_it_takes_vectors():
    layer, norm = made(LINEAR)
    out = norm(layer(torch.randn(8, 3)))
    assert layer.bias is None
    assert torch.allclose(out.mean(0), torch.zeros(6), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 7.0])
def test_the_scale_of_the_weights_changes_no_output_and_the_gradient_by_its_inverse(scale):
    layer, norm = made(eps=1e-20)
    layer, norm = layer.double(), norm.double()
    u, direction = torch.randn(5, 3, 7, 7).double(), torch.randn(5, 6, 5, 5).double()

    def pass_with(weight):
        weight, inputs = weight.detach().requires_grad_(), u.clone().requires_grad_()
        out = norm(nn.functional.conv2d(inputs, weight))
        return out, *torch.autograd.grad((out * direction).sum(), [inputs, weight])

    out, by_input, by_weight = pass_with(layer.weight)
    scaled, by_input_scaled, by_weight_scaled = pass_with(scale * layer.weight)
    assert torch.allclose(scaled, out, rtol=1e-9)  # BN(aWu) = BN(Wu), §3.3
    assert torch.allclose(by_input_scaled, by_input, rtol=1e-9)
    assert torch.allclose(by_weight_scaled, by_weight / scale, rtol=1e-9)


def test_gain_and_shift_start_where_they_are_told():
    _, norm = made(gain=1.0000001, shift=1e-7)
    assert torch.equal(norm.weight, torch.full((6,), 1 + 2.0**-23))  # the next float32 after 1
    assert torch.equal(norm.bias, torch.full((6,), 1e-7))
    _, norm = made(gain=0.0, shift=2.0)
    assert torch.equal(norm(torch.randn(4, 6, 5, 5)), torch.full((4, 6, 5, 5), 2.0))


def test_moving_statistics_in_inference():
    _, norm = made()
    x = torch.randn(4, 6, 5, 5) + 3
    norm(x)
    mean, var = 0.1 * x.mean((0, 2, 3)), 0.9 + 0.1 * x.var((0, 2, 3))
    assert torch.allclose(norm.eval()(x), normalized(x, mean, var, 1e-5), atol=1e-5)


@pytest.mark.parametrize("detach", [False, True])
def test_cumulative_statistics_are_the_plain_means_over_batches(detach):
    _, norm = made(statistics="cumulative", momentum=0.9, detach=detach)
    batches = [torch.randn(4, 6, 5, 7) * (i + 1) + i for i in range(7)]
    for each in batches:
        norm(each)
    mean = torch.stack([each.mean((0, 2, 3)) for each in batches]).mean(0)
    var = torch.stack([each.var((0, 2, 3)) for each in batches]).mean(0)
    assert torch.allclose(norm.running_mean, mean, atol=1e-5) and torch.allclose(norm.running_var, var, rtol=1e-5)
    x = batches[0]
    assert torch.allclose(norm.eval()(x), normalized(x, mean, var, 1e-5), atol=1e-5)


@pytest.mark.parametrize("detach", [False, True])
def test_batch_statistics_are_those_of_the_batch_in_inference_too(detach):
    _, norm = made(statistics="batch", detach=detach)
    x = torch.randn(4, 6, 5, 7) * 3 + 2
    trained = norm(x)
    norm(x + 5)
    assert torch.equal(norm.eval()(x), trained)
    assert set(norm.state_dict()) == {"weight", "bias"}
    assert not torch.allclose(norm(x[:2])[0], trained[0])


def test_a_list_of_statistics_keeps_each_and_infers_with_the_first():
    kinds = ["cumulative", "moving", 0.95]
    alone = [made(statistics="cumulative")[1], made()[1], made(momentum=0.95)[1]]
    norm = made(statistics=kinds)[1]
    for index in range(50):
        each = torch.randn(4, 6, 5, 7) * (index % 3 + 1) + index
        out = norm(each)
        out.sum().backward()
        assert all(torch.equal(out, other(each)) for other in alone)
    assert norm.kept.names == ["cumulative", "moving", "momentum_0.95"]
    for index, other in enumerate(alone):
        assert torch.allclose(norm.kept.mean[index], other.running_mean, rtol=1e-5)
        assert torch.allclose(norm.kept.var[index], other.running_var, rtol=1e-5)
    assert torch.allclose(norm.eval()(each), alone[0].eval()(each), atol=1e-5)
    kept = norm.kept.mean.clone()
    reestimate(Learns(norm), [(each, None)])
    assert torch.equal(norm.kept.mean, kept) and torch.allclose(norm.running_mean, each.mean((0, 2, 3)), atol=1e-4)


def test_only_reestimated_statistics_ask_for_it_and_get_plain_means():
    assert not any(hasattr(made(statistics=kind)[1], "reestimate") for kind in ("moving", "cumulative", "batch"))
    plain, norm = made()[1], made(statistics="reestimated")[1]
    assert norm.reestimate is True and list(norm.state_dict()) == list(plain.state_dict())
    batches = [torch.randn(4, 6, 5, 7) * (i + 1) + i for i in range(5)]
    for each in batches:
        assert torch.equal(norm(each), plain(each))
    assert torch.equal(norm.eval()(batches[0]), plain.eval()(batches[0]))
    reestimate(Learns(norm), [(each, None) for each in batches])
    assert torch.allclose(norm.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0), atol=1e-5)
    assert norm.momentum == 0.1


def test_with_one_process_sync_is_the_same_bits():
    for layer, shape in ((CONV, (4, 6, 5, 7)), (LINEAR, (8, 6))):
        found = []
        for sync in (False, True):
            torch.manual_seed(0)
            _, norm = made(layer, sync=sync)
            x = torch.randn(shape).requires_grad_()
            out = norm(x)
            (out * torch.randn(shape)).sum().backward()
            found.append([out, x.grad, norm.weight.grad, *norm.state_dict().values(), norm.eval()(x)])
        assert isinstance(norm, nn.SyncBatchNorm)
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"eps": 0},
        {"eps": "abc"},
        {"eps": float("inf")},
        {"momentum": 0},
        {"momentum": 1.5},
        {"momentum": "x"},
        {"affine": "no"},
        {"gain": "x"},
        {"gain": float("nan")},
        {"shift": None},
        {"statistics": "running"},
        {"detach": 1},
        {"statistics": 3},
        {"sync": "yes"},
    ],
)
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        made(**changes)


def test_what_would_do_nothing_is_refused():
    with pytest.raises(ValueError, match=r"norm\.gain must be 1 where norm\.affine=false learns none, got 2\.0"):
        made(affine=False, gain=2.0)
    with pytest.raises(ValueError, match=r"norm\.shift must be 0 where"):
        made(affine=False, shift=0.1)
    with pytest.raises(ValueError, match=r"norm\.detach=true .* set norm\.sync=false"):
        made(detach=True, sync=True)


@pytest.mark.parametrize("kinds", [[], ["batch"], [2.0], ["moving", "moving"], [None]])
def test_bad_lists_of_statistics_are_named(kinds):
    with pytest.raises(
        ValueError, match=r"norm\.statistics must (list kinds|be a momentum|be moving or cumulative).*, got "
    ):
        made(statistics=kinds)
