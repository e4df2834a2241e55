import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropgrid.augments.adversarial import adversarial, attack

MEAN, STD = torch.tensor([0.3, 0.4, 0.5]).view(-1, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(-1, 1, 1)
EPSILON = 8 / 255
FGSM = {"steps": 1, "step_size": EPSILON, "start": None}
PGD = {"steps": 10, "step_size": EPSILON / 4, "start": None}
PLAIN = {"epsilon": EPSILON, "steps": 1, "step_size": None, "random_start": False, "share": 1.0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def learned():
    """A small network that can tell stripes along from stripes across, its images in [0, 1], and their classes."""
    draws = generator(1)
    targets = torch.arange(64) % 2
    stripes = 0.5 + 0.06 * torch.sign(torch.arange(12) % 4 - 1.5).expand(64, 3, 12, 12)
    images = torch.where(targets.bool().view(-1, 1, 1, 1), stripes, stripes.mT)
    images = (images + 0.2 * torch.randn(images.shape, generator=draws)).clamp(0, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3),
            nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
        )  # fmt: skip
        optimizer = torch.optim.Adam(net.parameters(), 0.02)
        for _ in range(25):
            optimizer.zero_grad()
            F.cross_entropy(net((images - MEAN) / STD), targets).backward()
            optimizer.step()
    optimizer.zero_grad()
    return net, images, targets


def moved(learned, loss=F.cross_entropy, targets=None, **arguments):
    """Images in [0, 1] after the attack."""
    net, images, classes = learned
    targets = classes if targets is None else targets
    arguments = {"mean": MEAN, "std": STD, "epsilon": EPSILON, **arguments}
    return attack(net, loss, (images - MEAN) / STD, targets, **arguments) * STD + MEAN


def losses(learned, images):
    """Of each image, in eval mode."""
    net, _, targets = learned
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        return F.cross_entropy(net((images - MEAN) / STD), targets, reduction="none")


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_an_example_is_inside_its_ball_and_the_image_s_range(learned, epsilon, start, steps):
    point = 2 * torch.rand(64, 3, 12, 12, generator=generator()) - 1 if start else None
    found = moved(learned, epsilon=epsilon, steps=steps, step_size=epsilon, start=point)
    assert (found - learned[1]).abs().max() <= epsilon + 1e-6
    assert found.min() >= -1e-6 and found.max() <= 1 + 1e-6
    assert not found.requires_grad and (found - learned[1]).abs().max() > 0


def test_fgsm_is_the_formula(learned):
    net, images, targets = learned
    x = images.clone().requires_grad_()
    F.cross_entropy(copy.deepcopy(net).eval()((x - MEAN) / STD), targets).backward()
    expected = (images + EPSILON * x.grad.sign()).clamp(0, 1)
    assert torch.allclose(moved(learned, **FGSM), expected, atol=1e-6)


def test_pgd_is_the_formula_step_by_step(learned):
    net, images, targets = learned
    net = copy.deepcopy(net).eval()
    begin = 2 * torch.rand(images.shape, generator=generator(2)) - 1
    found = moved(learned, **{**PGD, "steps": 3, "start": begin})
    x = (images + EPSILON * begin).clamp(0, 1)
    for _ in range(3):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(net((x - MEAN) / STD), targets), x)
        x = x.detach() + EPSILON / 4 * slope.sign()
        x = torch.minimum(torch.maximum(x, images - EPSILON), images + EPSILON).clamp(0, 1)
    assert torch.allclose(found, x, atol=1e-5)


def test_the_attack_raises_the_loss_and_pgd_more_than_fgsm(learned):
    clean, fast, slow = (losses(learned, x) for x in (learned[1], moved(learned, **FGSM), moved(learned, **PGD)))
    assert fast.mean() > 2 * clean.mean() and (fast > clean).float().mean() > 0.9
    assert slow.mean() >= fast.mean()
    noise = EPSILON * (2 * torch.randint(2, learned[1].shape, generator=generator()) - 1)
    assert fast.mean() > 2 * losses(learned, (learned[1] + noise).clamp(0, 1)).mean()


def test_soft_targets_are_attacked_as_they_are(learned):
    one_hot = torch.eye(2)[learned[2]]
    assert torch.equal(moved(learned, **PGD), moved(learned, targets=one_hot, **PGD))
    net, images, _ = learned
    half = torch.full((64, 2), 0.5)
    found = moved(learned, targets=half, **PGD)
    logits = [copy.deepcopy(net).eval()((x - MEAN) / STD).softmax(1) for x in (images, found)]
    assert (logits[1] - 0.5).abs().mean() > (logits[0] - 0.5).abs().mean()  # away from what it should say


def test_the_network_is_left_as_it_was(learned):
    net = copy.deepcopy(learned[0]).train()
    net[1].eval()  # one module frozen on its own
    modes = [module.training for module in net.modules()]
    state = {key: value.clone() for key, value in net.state_dict().items()}
    grads = [torch.full_like(each, 3) for each in net.parameters()]
    for each, grad in zip(net.parameters(), grads, strict=True):
        each.grad = grad.clone()
    shared = torch.get_rng_state()
    moved((net, *learned[1:]), **PGD)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(torch.equal(each.grad, grad) for each, grad in zip(net.parameters(), grads, strict=True))
    assert torch.equal(torch.get_rng_state(), shared)


def test_the_network_s_mode_comes_back_after_an_error_too(learned):
    net = copy.deepcopy(learned[0]).train()
    with pytest.raises(RuntimeError, match="no loss"):
        moved((net, *learned[1:]), loss=lambda *_: (_ for _ in ()).throw(RuntimeError("no loss")), **PGD)
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_in_every_mode_of_autograd(learned, mode):
    expected = moved(learned, **PGD)
    with mode():
        assert torch.equal(moved(learned, **PGD), expected)


def test_under_autocast_the_training_step_after_it_has_its_gradients(learned):
    """Autocast keeps the weights that it rounded: those of the attack serve the step too."""
    grads = []
    for attacked in (True, False):
        net = copy.deepcopy(learned[0]).eval()
        images = (learned[1] - MEAN) / STD
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if attacked:
                moved((net, *learned[1:]), **PGD)
            loss = F.cross_entropy(net(images), learned[2])
        loss.backward()
        grads.append([each.grad for each in net.parameters()])
    assert all(torch.equal(*each) for each in zip(*grads, strict=True))


def test_a_value_outside_the_range_goes_no_farther_out(learned):
    """Noise that another augmentation put there, ten standard deviations out."""
    net, images, targets = learned
    images = images.clone()
    images[:, :, 0, 0], images[:, :, 1, 1] = -2.0, 3.0
    found = moved((net, images, targets), **PGD)
    assert (found - images).abs().max() <= EPSILON + 1e-6
    assert found[:, :, 0, 0].min() >= -2 - 1e-6 and found[:, :, 1, 1].max() <= 3 + 1e-6


def context(learned):
    return SimpleNamespace(network=learned[0], loss=F.cross_entropy, mean=MEAN, std=STD, classes=2)


@pytest.mark.parametrize(
    ("changes", "stride"),
    [
        ({}, EPSILON),
        ({"step_size": 0.01}, 0.01),
        ({"steps": 5}, EPSILON / 2),
        ({"steps": 5, "step_size": 0.01}, 0.01),
        ({"random_start": True}, 2.5 * EPSILON),
    ],
)
def test_the_augmentation_is_the_attack_with_its_step(learned, changes, stride):
    images = (learned[1] - MEAN) / STD
    given = {**PLAIN, **changes}
    out, targets = adversarial(images, learned[2], generator=generator(4), context=context(learned), **given)
    start = 2 * torch.rand(images.shape, generator=generator(4)) - 1 if given["random_start"] else None
    expected = moved(learned, steps=given["steps"], step_size=stride, start=start)
    assert targets is learned[2] and torch.allclose(out * STD + MEAN, expected, atol=1e-6)


@pytest.mark.parametrize(("share", "count"), [(1.0, 64), (0.5, 32), (0.1, 6), (0.001, 1)])
def test_a_share_of_the_batch_is_replaced(learned, share, count):
    images = ((learned[1] - MEAN) / STD).contiguous(memory_format=torch.channels_last)
    kept = images.clone()
    out, _ = adversarial(
        images, learned[2], generator=generator(), context=context(learned), **PLAIN | {"share": share}
    )
    changed = (out != kept).flatten(1).any(1)
    assert changed[:count].all() and not changed[count:].any() and torch.equal(images, kept)
    assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epsilon": 0}, r"augment.epsilon must be a number in \(0, 1\], got 0"),
        ({"epsilon": 8}, r"augment.epsilon must be a number in \(0, 1\], got 8"),
        ({"share": 0}, r"augment.share must be a number in \(0, 1\], got 0"),
        ({"steps": 0}, "augment.steps must be a whole number, 1 or more, got 0"),
        ({"step_size": -1}, "augment.step_size must be a number above 0, or null, got -1"),
        ({"random_start": 1}, "augment.random_start must be true or false, got 1"),
    ],
)
def test_what_it_cannot_mean_is_refused(learned, wrong, message):
    with pytest.raises(ValueError, match=message):
        adversarial(learned[1], learned[2], generator=generator(), context=context(learned), **{**PLAIN, **wrong})


def test_it_has_to_know_the_network(learned):
    with pytest.raises(ValueError, match="needs a context"):
        adversarial(learned[1], learned[2], generator=generator(), **PLAIN)
