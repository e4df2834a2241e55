from functools import partial

import pytest
import torch
from torch import nn

from dropgrid.norms.switchable import switchable

CONV = partial(nn.Conv2d, 3, 6, 3)
LINEAR = partial(nn.Linear, 3, 6)
SHAPES = {CONV: (4, 6, 5, 7), LINEAR: (9, 6)}
LAYERS = [pytest.param(CONV, id="conv"), pytest.param(LINEAR, id="linear")]


def made(layer, **changes):
    """The norm in float64, gain and shift anything."""
    _, norm = switchable(layer, 6, **{"eps": 1e-5, "momentum": 0.1, "affine": True, **changes})
    if norm.affine:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    return norm.double()


def alone(norm, mean=None, var=None):
    """Let the mean, and the variance, be of one kind alone."""
    for logits, index in ((norm.mean_logits, mean), (norm.var_logits, var if var is not None else mean)):
        with torch.no_grad():
            logits.fill_(-1e4)[index] = 0
    return norm


def is_linear(norm):
    return len(norm.mean_logits) == 2


def torchs(norm, kind):
    """torch's norm of a kind, with the same gain and shift."""
    other = {
        "instance": partial(nn.InstanceNorm2d, affine=True),
        "layer": partial(nn.GroupNorm, 1),
        "batch": nn.BatchNorm1d if is_linear(norm) else nn.BatchNorm2d,
    }[kind](6).double()
    other.load_state_dict({name: norm.state_dict()[name] for name in other.state_dict()})
    return other


@pytest.mark.parametrize(
    ("layer", "index", "kind"),
    [(CONV, 0, "instance"), (CONV, 1, "layer"), (CONV, 2, "batch"), (LINEAR, 0, "layer"), (LINEAR, 1, "batch")],
)
def test_with_all_weight_on_one_it_is_that_one(layer, index, kind):
    norm = made(layer)
    other = torchs(alone(norm, index), kind)
    for step in range(3):
        x = torch.randn(SHAPES[layer]).double() * (1 + step) + step
        assert torch.allclose(norm(x), other(x), atol=1e-10)
    assert torch.allclose(norm.eval()(x), other.eval()(x), atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_formula(training):
    norm = made(CONV)
    nn.init.normal_(norm.mean_logits)
    nn.init.normal_(norm.var_logits)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    norm.train(training)
    x = torch.randn(4, 6, 5, 7).double() * 3 + 2
    mean_shares = norm.mean_logits.exp() / norm.mean_logits.exp().sum()
    var_shares = norm.var_logits.exp() / norm.var_logits.exp().sum()
    stored = norm.running_mean.clone(), norm.running_var.clone()
    out = norm(x)
    for example in range(4):
        for channel in range(6):
            cells = [x[example, channel], x[example], x[:, channel]]
            means, variances = [c.mean() for c in cells], [c.var(correction=0) for c in cells]
            if not training:
                means[2], variances[2] = stored[0][channel], stored[1][channel]
            mean = sum(a * b for a, b in zip(mean_shares, means, strict=True))
            var = sum(a * b for a, b in zip(var_shares, variances, strict=True))
            expected = (x[example, channel] - mean) / torch.sqrt(var + 1e-5)
            expected = expected * norm.weight[channel] + norm.bias[channel]
            assert torch.allclose(out[example, channel], expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_three_weigh_the_same_at_first_and_learn(layer):
    norm = made(layer)
    x = torch.randn(SHAPES[layer]).double() * 3 + 2
    (norm(x) * torch.randn(SHAPES[layer])).sum().backward()
    for logits in (norm.mean_logits, norm.var_logits):
        assert len(logits.softmax(0).unique()) == 1 and logits.grad.abs().min() > 0


@pytest.mark.parametrize("layer", LAYERS)
def test_moving_averages_are_batch_norms_in_float32_too(layer):
    norm = made(layer, affine=False, momentum=0.3).float()
    other = (nn.BatchNorm1d if is_linear(norm) else nn.BatchNorm2d)(6, momentum=0.3, affine=False)
    for momentum in (0.3, 0.3, None, None):
        norm.momentum = other.momentum = momentum
        x = torch.randn(SHAPES[layer]) + 3
        norm(x), other(x)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.allclose(norm.get_buffer(name), other.get_buffer(name), atol=1e-5)


def test_the_layout_of_memory_is_kept():
    x = torch.randn(4, 6, 5, 7).double().to(memory_format=torch.channels_last)
    norm = made(CONV)
    out = norm(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out, norm(x.contiguous()))


@pytest.mark.parametrize("changes", [{"eps": -1.0}, {"affine": 1}, {"momentum": 0}])
def test_bad_values_are_named(changes):
    ((key, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"norm\.{key} .* got {value!r}"):
        switchable(CONV, 6, **{"eps": 1e-5, "momentum": 0.1, "affine": True, **changes})
