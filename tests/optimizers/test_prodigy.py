import pytest
import torch
from torch import nn

from dropgrid.models.scalars import Scale
from dropgrid.optimizers.prodigy import prodigy

DEFAULTS = {
    "lr": 1.0,
    "betas": [0.8, 0.9],
    "eps": 1e-3,
    "d0": 1e-3,
    "d_coef": 1.0,
    "safeguard_warmup": False,
    "weight_decay": 0.0,
    "decay_all": False,
}


def reference(start, loss, steps, *, lr=1.0, d_coef=1.0, weight_decay=0.0, safeguard_warmup=False):
    """Algorithm 4 of the paper over [weight, bias], with its factors 1 - β₃, and the new d beside √v.

    Also returns each d.
    """
    weights = [value.clone() for value in start]
    first, second, sums = ([torch.zeros_like(value) for value in start] for _ in range(3))
    d, ratio, beta = 1e-3, 0.0, 0.9**0.5
    found = []
    for _ in range(steps):
        points = [value.clone().requires_grad_() for value in weights]
        gradients = torch.autograd.grad(loss(*points), points)
        along = sum((g * (w0 - w)).sum() for g, w0, w in zip(gradients, start, weights, strict=True))
        ratio = beta * ratio + (1 - beta) * lr * d**2 * along
        weighted = d**2 * (1.0 if safeguard_warmup else lr)
        for place, g in enumerate(gradients):
            first[place] = 0.8 * first[place] + 0.2 * d * g
            second[place] = 0.9 * second[place] + 0.1 * (d * g) ** 2
            sums[place] = beta * sums[place] + (1 - beta) * weighted * g
        new = max(d, float(d_coef * ratio / sum(s.abs().sum() for s in sums)))
        for place, decay in enumerate((weight_decay, 0.0)):
            weights[place] = weights[place] * (1 - lr * d * decay)
            weights[place] -= lr * d * first[place] / (second[place].sqrt() + new * 1e-3)
        d = new
        found.append(d)
    return weights, found


@pytest.mark.parametrize(
    "changes",
    [{}, {"lr": 0.5}, {"lr": 0.5, "safeguard_warmup": True}, {"d_coef": 2.0}, {"weight_decay": 0.3}],
)
def test_update_and_estimate_are_the_paper_s(changes):
    layer, x = nn.Linear(3, 2).double(), torch.randn(8, 3, dtype=torch.float64)
    start = [layer.weight.detach().clone(), layer.bias.detach().clone()]

    def loss(weight, bias):
        return ((x @ weight.T + bias - 1) ** 2).add(0.1).sqrt().mean()

    optimizer = prodigy(layer, **DEFAULTS | changes)
    found = []
    for _ in range(40):
        optimizer.zero_grad()
        loss(layer.weight, layer.bias).backward()
        optimizer.step()
        found.append(optimizer.param_groups[0]["d"])
    weights, expected = reference(start, loss, 40, **changes)
    assert found == pytest.approx(expected, rel=1e-4)  # the library sums r in float32
    assert found[-1] > 10 * DEFAULTS["d0"], "the estimate rises"
    for parameter, value in zip(layer.parameters(), weights, strict=True):
        assert torch.allclose(parameter, value, rtol=1e-4, atol=1e-6)


def test_parameters_of_another_rate_are_refused():
    with pytest.raises(ValueError, match=r"^optimizer=prodigy has one rate .*model\.branch_scale"):
        prodigy(nn.Sequential(nn.Linear(1, 1), Scale(1.0, lr_scale=0.1)), **DEFAULTS)


@pytest.mark.parametrize(
    ("key", "value"),
    [("lr", 0), ("betas", 0.9), ("betas", [0.9, 1]), ("eps", 0), ("d0", 0), ("d_coef", 0), ("safeguard_warmup", 1)],
)
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        prodigy(nn.Linear(1, 1), **DEFAULTS | {key: value})
