import numpy as np
import pytest
import torch
from independence import KEYS, check_independent
from torch import nn

import dropgrid
from dropgrid.regularizers.shakedrop import SHAKEN, ShakeDrop, shakedrop
from dropgrid.sites import Site

DEFAULTS = {
    "keep_prob": 0.5,
    "depth": "linear",
    "alpha": [-1, 1],
    "beta": [0, 1],
    "level": "pixel",
    "groups": None,
    "schedule": "constant",
    "inference": False,
}


def branch(block, blocks=4):
    return Site(f"layer1.{block - 1}.branch", "branch", 1, 1, block, blocks)


def factors(module, key, shape=(4, 3, 5, 6)):
    """What a batch of a key is multiplied by, forward and backward."""
    module.advance(module.full_level, key)
    ones = torch.ones(shape, requires_grad=True)
    out = module(ones)
    out.sum().backward()
    return out.detach(), ones.grad


def reference(branch, rng, p, alpha, beta, level):
    """The paper's definition for one block and batch, image by image: x is left out, as it has no factor.

    The factors of the residual branch (N, C, H, W) in train-fwd and train-bwd; no code shared with ours.
    """
    b = float(rng.random() < p)
    count, channels, height, width = branch.shape
    forward, backward = np.empty(branch.shape), np.empty(branch.shape)
    of_batch = rng.uniform(*alpha), rng.uniform(*beta)
    for n in range(count):
        of_image = rng.uniform(*alpha), rng.uniform(*beta)
        for c in range(channels):
            of_channel = rng.uniform(*alpha), rng.uniform(*beta)
            for h in range(height):
                for w in range(width):
                    of_pixel = rng.uniform(*alpha), rng.uniform(*beta)
                    a, bb = {"batch": of_batch, "image": of_image, "channel": of_channel, "pixel": of_pixel}[level]
                    forward[n, c, h, w] = b + a - b * a
                    backward[n, c, h, w] = b + bb - b * bb
    return forward, backward


@pytest.mark.parametrize("level", ["batch", "image", "channel", "pixel"])
def test_same_law_as_a_slow_reference(level):
    shape, alpha, beta, draws = (2, 2, 2, 2), (-0.5, 1.5), (0.0, 0.8), 3000
    module = ShakeDrop(0.4, alpha=alpha, beta=beta, level=level)
    ours = [factors(module, key, shape) for key in range(draws)]
    rng = np.random.default_rng(0)
    theirs = [reference(np.empty(shape), rng, 0.6, alpha, beta, level) for _ in range(draws)]
    found = np.array([[each.numpy() for each in pair] for pair in ours]).reshape(draws, -1)
    wanted = np.array(theirs).reshape(draws, -1)
    # means, second moments, and products of any two factors: which are shared, and that forward and backward are not
    for power in (1, 2):
        error = (wanted**power).std(0) * (2 / draws) ** 0.5
        assert (abs((found**power).mean(0) - (wanted**power).mean(0)) < 5 * error).all()
    products = [np.einsum("di,dj->ij", each, each) / draws for each in (found, wanted)]
    spread = np.einsum("di,dj->ij", wanted**2, wanted**2) / draws - products[1] ** 2
    assert (abs(products[0] - products[1]) < 5.5 * (2 * spread / draws) ** 0.5 + 1e-9).all()


def test_the_backward_factor_is_another_one_than_the_forward_one():
    module = ShakeDrop(0.5)
    shaken = 0
    for key in range(40):
        forward, backward = factors(module, key)
        if (forward == 1).all():
            assert (backward == 1).all()
            continue
        shaken += 1
        assert forward.min() >= -1 and forward.max() <= 1 and forward.min() < -0.5
        assert backward.min() >= 0 and backward.max() <= 1
        pairs = torch.stack([forward.flatten(), backward.flatten()])
        assert abs(torch.corrcoef(pairs)[0, 1]) < 5 / forward.numel() ** 0.5
    assert 5 < shaken < 35 and shaken == int(module.dropped) and int(module.seen) == 40


@pytest.mark.parametrize(
    ("level", "shared"), [("batch", (0, 1, 2, 3)), ("image", (1, 2, 3)), ("channel", (2, 3)), ("pixel", ())]
)
def test_a_level_shares_its_factors(level, shared):
    module = ShakeDrop(0.99, level=level)
    for each in factors(module, 1):
        assert not (each == 1).all()
        for dim in range(4):
            assert bool((each == each.narrow(dim, 0, 1)).all()) == (dim in shared)


def test_a_channel_of_tokens_is_a_feature():
    forward, _ = factors(ShakeDrop(0.99, level="channel"), 1, (4, 7, 5))
    assert (forward == forward[:, :1]).all() and forward[:, 0].unique().numel() == 20


@pytest.mark.parametrize(
    ("alpha", "factor"), [((-1, 1), 0.7), ((0, 0), 0.7), ((0, 1), 0.7 + 0.3 * 0.5), ((1, 1), 1.0), ((-0.5, 0.1), 0.64)]
)
def test_in_eval_the_branch_has_the_expected_factor(alpha, factor):
    module, x = ShakeDrop(0.3, alpha=alpha), torch.randn(3, 4, 5, 5)
    assert torch.allclose(module.eval()(x), factor * x)
    module.train()
    means = torch.tensor([float(factors(module, key)[0].mean()) for key in range(2000)])
    assert abs(means.mean() - factor) <= 5 * means.std() / 2000**0.5 + 1e-6


@pytest.mark.parametrize(("schedule", "factor"), [("linear", 0.7), ("early:0.2", 1.0), ("late:0.2", 0.7)])
def test_the_expectation_is_of_the_end_of_the_schedule_at_any_step(schedule, factor):
    """A network read from a file has no step, and best weights are chosen in one step and tested in another."""
    module = ShakeDrop(0.3, schedule=schedule).eval()
    for progress in (0.0, 0.5, 1.0):
        module.advance(module.level_at(progress), 3)
        assert torch.allclose(module(torch.ones(2, 3)), torch.full((2, 3), factor))


def test_alpha_0_is_stochastic_depth_whose_gradient_is_not_0():
    module = ShakeDrop(0.99, alpha=(0, 0), beta=(1, 1))
    forward, backward = factors(module, 1)
    assert (forward == 0).all() and (backward == 1).all()


def test_the_second_derivative_goes_through_the_backward_factor():
    module = ShakeDrop(0.99)
    module.advance(0.99, 1)
    x = torch.randn(2, 3, requires_grad=True)
    weight = torch.randn(2, 3)
    (first,) = torch.autograd.grad((module(x).square() * weight).sum(), x, create_graph=True)
    forward, backward = factors(module, 1, (2, 3))
    assert torch.allclose(first, 2 * weight * forward * x * backward)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(second, 2 * weight * backward**2)


def test_a_key_says_all_and_keys_are_independent():
    module = ShakeDrop(0.99)
    one, again, other = factors(module, 7), factors(module, 7), factors(module, 8)
    assert all(torch.equal(*pair) for pair in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])
    signs = [(factors(module, key, (256, 1, 4, 4))[0] > 0).view(256, 16) for key in range(KEYS * 2)]
    check_independent([each for each in signs if not each.all()][:KEYS])


def test_whether_a_step_is_shaken_follows_its_law():
    module = ShakeDrop(0.3, level="batch")
    for key in range(3000):
        module.advance(0.3, key)
        module(torch.ones(1, 1))
    assert abs(float(module.dropped / module.seen) - 0.3) < 5 * (0.21 / 3000) ** 0.5


def test_the_linear_decay_rule_and_where_it_acts():
    rates = [shakedrop(branch(block), **DEFAULTS).full_level for block in range(1, 5)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5])
    constant = shakedrop(branch(1), **{**DEFAULTS, "depth": "constant"})
    assert isinstance(constant, ShakeDrop)
    assert constant.full_level == pytest.approx(0.5) and (constant.alpha, constant.beta) == ((-1, 1), (0, 1))
    for place in ("conv", "skip", "join", "head", "input"):
        assert isinstance(shakedrop(Site(place, place, 1, 1, 1, 1), **DEFAULTS), nn.Identity)
    assert isinstance(shakedrop(branch(1)._replace(groups=2), **{**DEFAULTS, "groups": [2]}), nn.Identity)


@pytest.mark.parametrize("key", ["alpha", "beta"])
@pytest.mark.parametrize("value", [[1, -1], [0], 0.5, "01", [0, "1"], None, [0, float("nan")], [0, float("inf")]])
def test_an_interval_is_two_numbers_in_order(key, value):
    with pytest.raises(ValueError, match=rf"regularizer.{key} must be two finite numbers \[low, high\]"):
        shakedrop(branch(1), **{**DEFAULTS, key: value})


def test_an_unknown_level_or_depth_is_refused():
    with pytest.raises(ValueError, match="regularizer.level must be batch, image, channel or pixel, got 'row'"):
        shakedrop(branch(1), **{**DEFAULTS, "level": "row"})
    with pytest.raises(ValueError, match="must be linear or constant, got 'cosine'"):
        shakedrop(branch(1), **{**DEFAULTS, "depth": "cosine"})


def test_one_graph_while_rate_and_key_change():
    module = ShakeDrop(0.5)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    for key in range(20):
        forward, backward = factors(module, key)
        x = torch.ones(4, 3, 5, 6, requires_grad=True)
        out = compiled(x)
        out.sum().backward()
        assert torch.equal(out, forward) and torch.equal(x.grad, backward)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def audited(layer, batches=8):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), layer, nn.Flatten(), nn.Linear(4 * 36, 2))
    return dropgrid.audit(network, [torch.randn(16, 3, 8, 8) for _ in range(batches)], batches=batches)


class Silent(ShakeDrop):
    """An identity."""

    def forward(self, input):
        return input


class Pretending(ShakeDrop):
    """An identity that counts."""

    def forward(self, input):
        super().forward(input)
        return input


class Often(ShakeDrop):
    """Shakes twice as often as its law says."""

    def expected(self, shape, drop_prob):
        return super().expected(shape, drop_prob) / 2


def test_the_audit_accepts_it_and_says_what_it_does():
    found = audited(ShakeDrop(0.5), batches=200)
    (layer,) = found.layers
    assert not [each for each in found.findings if each.grade != "note"]
    assert any(SHAKEN in each.message for each in found.findings)
    assert layer.on and layer.in_eval == "fixed" and layer.expected == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Silent, "it is the identity in train mode, at a nominal 50.00 %"),
        (Pretending, "it is the identity in train mode, at a nominal 50.00 %"),
        (Often, "its law says 25.00 %"),
    ],
)
def test_the_audit_finds_what_is_silently_off_or_of_another_rate(layer, message):
    found = audited(layer(0.5), batches=200)
    assert any(each.grade == "error" and message in each.message for each in found.findings), found
