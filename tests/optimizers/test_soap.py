import pytest
import torch
from torch import nn

from dropgrid.optimizers.soap import soap

DEFAULTS = {
    "lr": 0.01,
    "betas": [0.8, 0.9],
    "eps": 1e-6,
    "precondition_frequency": 3,
    "max_precondition_dim": 100,
    "weight_decay": 0.0,
    "decay_all": False,
}


def stepped(value, gradients, **changes):
    """A parameter after a step for each gradient."""
    module = nn.Module()
    module.w = nn.Parameter(value.clone())
    optimizer = soap(module, **DEFAULTS | changes)
    for gradient in gradients:
        module.w.grad = gradient.clone()
        optimizer.step()
    return module.w.detach()


def random(*shape, steps=14):
    """A start, and gradients with a direction in common."""
    common = torch.randn(shape, dtype=torch.float64)
    return torch.randn(shape, dtype=torch.float64), [common + torch.randn_like(common) for _ in range(steps)]


def by_eigenvalue(matrix):
    """Eigenvectors from the largest value."""
    return torch.linalg.eigh(matrix)[1].flip(1)


def turned(statistics, basis, moment, axis):
    """The basis after a power iteration from the largest value, and v in that order."""
    order = torch.einsum("ij,ij->j", basis, statistics @ basis).argsort(descending=True)
    return torch.linalg.qr(statistics @ basis[:, order])[0], moment.index_select(axis, order)


def reference(value, gradients, decay=0.0):
    """Algorithm 3 of the paper for a matrix, each side with a basis, every third step a power iteration."""
    weight, first, second = value.clone(), torch.zeros_like(value), torch.zeros_like(value)
    left, right = 0.1 * gradients[0] @ gradients[0].T, 0.1 * gradients[0].T @ gradients[0]
    base, other = by_eigenvalue(left), by_eigenvalue(right)
    for step, gradient in enumerate(gradients[1:], 1):
        first = 0.8 * first + 0.2 * gradient
        second = 0.9 * second + 0.1 * (base.T @ gradient @ other) ** 2
        mean = base.T @ first @ other / (1 - 0.8**step)
        scaled = mean / ((second / (1 - 0.9**step)).sqrt())
        weight = (weight - 0.01 * base @ scaled @ other.T) * (1 - 0.01 * decay)
        left, right = 0.9 * left + 0.1 * gradient @ gradient.T, 0.9 * right + 0.1 * gradient.T @ gradient
        if step % 3 == 0:
            base, second = turned(left, base, second, 0)
            other, second = turned(right, other, second, 1)
    return weight


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_update_is_the_paper_s(decay):
    value, gradients = random(4, 5)
    found = stepped(value, gradients, weight_decay=decay, eps=1e-12)
    assert torch.allclose(found, reference(value, gradients, decay), atol=1e-5)  # the library's QR is in float32


def test_the_first_step_only_sets_the_bases():
    value, gradients = random(4, 5, steps=1)
    assert torch.equal(stepped(value, gradients), value)


def test_in_a_turned_space_the_steps_are_turned():
    value, gradients = random(4, 5)
    left = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    plain = stepped(value, gradients) - value
    there = stepped(left @ value @ right, [left @ each @ right for each in gradients]) - left @ value @ right
    assert torch.allclose(there, left @ plain @ right, atol=1e-5)


def test_a_1_by_1_convolution_moves_as_its_matrix():
    value, gradients = random(4, 5)
    found = stepped(value[..., None, None], [each[..., None, None] for each in gradients])
    assert torch.allclose(found[..., 0, 0], stepped(value, gradients), atol=1e-6)


@pytest.mark.parametrize(("shape", "most"), [((6,), 100), ((4, 5), 3)])
def test_a_vector_and_a_matrix_of_long_sides_take_adam_s_step(shape, most):
    value, gradients = random(*shape)
    plain = nn.Parameter(value.clone())
    adam = torch.optim.Adam([plain], lr=0.01, betas=(0.8, 0.9), eps=1e-12)
    for gradient in gradients[1:]:
        plain.grad = gradient.clone()
        adam.step()
    found = stepped(value, gradients, max_precondition_dim=most, eps=1e-12)
    assert torch.allclose(found, plain)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0),
        ("betas", 0.9),
        ("betas", [0.9, 1]),
        ("eps", 0),
        ("precondition_frequency", 0),
        ("max_precondition_dim", 0),
    ],
)
def test_bad_values_are_named(key, value):
    with pytest.raises(ValueError, match=rf"optimizer\.{key} must "):
        soap(nn.Linear(1, 1), **DEFAULTS | {key: value})
